// FathomData
