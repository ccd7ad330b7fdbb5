extension Remedy {
    /// Every remedy.
    public static let all: [Remedy] =
        activations + initializations + normalizations + shortcuts + data + outputs + optimizers + regularizations
        + capacities

    /// `nil` for a name that no remedy has, whatever its capitals.
    public static func named(_ id: String) -> Remedy? { all.first { $0.id.lowercased() == id.lowercased() } }
}
