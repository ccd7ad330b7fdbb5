// FathomGraph
