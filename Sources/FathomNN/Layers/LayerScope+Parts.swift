import FathomGraph

// What blocks are made of: products with parameters under a name of their own, and gates over an image.
extension LayerScope {
    /// x·W + b on the last axis, with the parameters `name.weight` [features, units] and `name.bias` [units]. The same name
    /// stands for the same parameters.
    func dense(_ x: Tensor, _ name: String, units: Int, initializer: Initializer = .automatic) -> Tensor {
        guard let features = features(of: x, name) else { return x.poison }
        let weight = parameter(
            "\(name).weight", shape: [.fixed(features), .fixed(units)], initializer: initializer)
        return affine(x, weight) + parameter("\(name).bias", shape: [.fixed(units)], initializer: .zeros)
    }

    /// The channels of an image [B, …spatial…, channels]; records a mistake and returns `nil` for anything else.
    ///
    /// - Parameter axes: how many spatial axes are wanted; any from one to three when `nil`.
    func channels(of x: Tensor, _ op: String, axes: Int? = nil) -> Int? {
        guard x.id != nil else { return nil }
        guard let spatial = x.spatialExtents, axes == nil || spatial.count == axes, let channels = x.extent(-1),
            channels > 0
        else {
            _ = fail(
                op, [x],
                "needs images of shape " + (axes == 2 ? "[B, height, width, channels]" : "[B, …spatial…, channels]"),
                hint: "put it between convolutions")
            return nil
        }
        return channels
    }

    /// `channels` / `reduction` units, at least `least`; records a mistake and returns `nil` for a reduction below 1.
    func reduced(_ channels: Int, by reduction: Int, least: Int = 1, _ op: String) -> Int? {
        guard reduction > 0 else {
            _ = fail(op, [], "a reduction of \(reduction)", hint: "it divides the channels: 1 or more, 16 is usual")
            return nil
        }
        return max(channels / reduction, least)
    }
}

extension Tensor {
    /// Numbers for each channel [B, channels] in the shape of an image with one place, to be stretched over `image`.
    func overPlaces(of image: Tensor) -> Tensor {
        guard id != nil, image.id != nil else { return poison }
        return reshaped(to: [shape[0]] + Array(repeating: 1, count: image.rank - 2) + [shape.dims.last ?? 1])
    }

    /// The axes of an image's places.
    var spatialAxes: [Int] { Array(1..<Swift.max(rank - 1, 1)) }
}
