// FathomRuntime
