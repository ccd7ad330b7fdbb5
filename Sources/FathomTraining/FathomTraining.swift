// FathomTraining
