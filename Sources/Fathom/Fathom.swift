@_exported import FathomData
@_exported import FathomGraph
@_exported import FathomNN
@_exported import FathomRuntime
@_exported import FathomTraining
