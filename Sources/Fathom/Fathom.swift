@_exported import FathomData
@_exported import FathomDiagnosis
@_exported import FathomGraph
@_exported import FathomNN
@_exported import FathomRuntime
@_exported import FathomTraining
