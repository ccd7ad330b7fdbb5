// FathomNN
