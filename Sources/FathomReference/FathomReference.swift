// FathomReference
