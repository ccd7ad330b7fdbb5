import FathomData
import FathomGraph
import FathomNN
import FathomRuntime
import FathomTraining

/// What a convolutional network looks for and what it sees: the filters of its first convolution, and what some of its layers
/// make of one picture.
public struct ConvolutionPictures: Sendable, Codable {
    /// One filter or channel.
    public struct Tile: Sendable, Codable {
        /// Its place among the filters or channels of the layer, from 0.
        public let index: Int
        /// A PNG as a data URI.
        public let picture: String
        /// Whether it fires for no row that was looked at.
        public let isDead: Bool
    }

    /// Filters, or the channels of a layer.
    public struct Layer: Sendable, Codable {
        /// The layer's path, as in checkpoints.
        public let path: String
        /// Taps of a filter, or places of a map, from top to bottom.
        public let height: Int
        /// Taps of a filter, or places of a map, from left to right.
        public let width: Int
        /// All of them; some have a tile, see `tiles`.
        public let count: Int
        /// At equal distances among all of them, in their order.
        public let tiles: [Tile]
    }

    /// At most so many filters and channels of a layer are shown.
    public static let shown = 16
    /// At most so many layers.
    public static let shownLayers = 4

    /// The weights of the first convolution: middle grey is 0, white the largest and black its negative. `nil` where its input
    /// has not one or three channels.
    public let filters: Layer?
    /// The picture that the maps are of, and its class.
    public let example: String?
    /// The name of the picture's class; `nil` for rows without classes.
    public let label: String?
    /// What layers hand on: black is 0, white the largest values of the layer; where there are negative ones, middle grey is 0.
    public let maps: [Layer]
}

extension Examiner {
    /// What convolutions look for, and what they make of the first of the rows.
    ///
    /// - Parameters:
    ///   - state: parameters and buffers.
    ///   - preprocessing: what brings the row back to the picture it was.
    ///   - look: tells which filters are dead.
    /// - Returns: `nil` without a convolution over images.
    func pictures(
        at state: StateStorage, _ preprocessing: Preprocessing, look: Examination?
    ) throws -> ConvolutionPictures? {
        let layers = table.rows.indices.filter { isImage(table.rows[$0]) }
        guard let first = layers.first(where: { table.rows[$0].kind == "convolution" }) else { return nil }
        try run(state)
        let dead = Dictionary(
            (look?.layers ?? []).map { ($0.path, Set(($0.slope?.fires ?? []).indicesOfZeros)) }
        ) { a, _ in a }
        return ConvolutionPictures(
            filters: filters(of: table.rows[first], dead: dead[table.rows[behind(first)].path] ?? []),
            example: RowPictures(probe, preprocessing)?.address(chosen.first ?? 0),
            label: label(chosen.first ?? 0),
            maps: Self.spread(mapped(layers), ConvolutionPictures.shownLayers)
                .compactMap { maps(table.rows[$0], dead: dead[table.rows[$0].path] ?? []) })
    }

    private func isImage(_ row: LayerTable.Row) -> Bool {
        guard let shape = shapes[row.output], shape.count == 3 else { return false }
        return shape[0] * shape[1] > 1
    }

    /// The row that ends what a convolution begins: normalisation and activation behind it.
    private func behind(_ index: Int) -> Int {
        var end = index
        while end + 1 < table.rows.count, table.rows[end].activation == nil,
            table.rows[end + 1].kind.lowercased().hasSuffix("norm"), table.rows[end + 1].input == table.rows[end].output
        {
            end += 1
        }
        return end
    }

    /// Rows whose output shows what the network sees: of convolutions and of blocks that no other holds.
    private func mapped(_ layers: [Int]) -> [Int] {
        var found: [Int] = []
        for index in layers where outer.contains(table.rows[index].path) {
            let row = table.rows[index]
            if row.kind == "convolution" {
                found.append(behind(index))
            } else if row.isContainer || row.kind == "highway" {
                found.append(index)
            }
        }
        return found
    }

    private func label(_ row: Int) -> String? {
        guard case .classes(let labels, let names) = probe.targets, labels.indices.contains(row),
            names.indices.contains(Int(labels[row]))
        else { return nil }
        return names[Int(labels[row])]
    }

    private func filters(of row: LayerTable.Row, dead: Set<Int>) -> ConvolutionPictures.Layer? {
        guard let weight = row.weights.first, weight.shape.count == 4, [1, 3].contains(weight.shape[2]),
            let values = storage[weight.path]
        else { return nil }
        let (channels, count) = (weight.shape[2], weight.shape[3])
        let shape = ImageShape(height: weight.shape[0], width: weight.shape[1], channels: channels)
        let top = values.lazy.filter(\.isFinite).reduce(Float(0)) { max($0, abs($1)) }
        let tiles = Self.spread(Array(0..<count), 4 * ConvolutionPictures.shown).compactMap { filter in
            // [height, width, channels, filters]
            tile(
                stride(from: filter, to: values.count, by: count).map { values[$0] }, shape, -top...top, filter,
                dead.contains(filter))
        }
        return ConvolutionPictures.Layer(
            path: row.path, height: shape.height, width: shape.width, count: count, tiles: tiles)
    }

    private func maps(_ row: LayerTable.Row, dead: Set<Int>) -> ConvolutionPictures.Layer? {
        guard let shape = shapes[row.output], shape.count == 3 else { return nil }
        let (height, width, count) = (shape[0], shape[1], shape[2])
        let values = self.values(row.output).prefix(height * width * count)
        guard values.count == height * width * count else { return nil }
        // Nearly the largest: one bright spot does not darken everything.
        let sizes = values.lazy.filter(\.isFinite).map(abs).sorted()
        let top = sizes.isEmpty ? 0 : sizes[Int(0.995 * Double(sizes.count - 1))]
        let range = values.contains { $0 < -0.01 * top } ? -top...top : 0...top
        let tiles = Self.spread(Array(0..<count), ConvolutionPictures.shown).compactMap { channel in
            tile(
                stride(from: channel, to: values.count, by: count).map { values[$0] },
                ImageShape(height: height, width: width, channels: 1), range, channel, dead.contains(channel))
        }
        return ConvolutionPictures.Layer(path: row.path, height: height, width: width, count: count, tiles: tiles)
    }

    private func tile(
        _ values: [Float], _ shape: ImageShape, _ range: ClosedRange<Float>, _ index: Int, _ isDead: Bool
    ) -> ConvolutionPictures.Tile? {
        guard let picture = try? Picture(values: values, shape: shape, range: range), let address = picture.address
        else { return nil }
        return ConvolutionPictures.Tile(index: index, picture: address, isDead: isDead)
    }

    /// At most so many, the first and the last among them.
    private static func spread(_ list: [Int], _ most: Int) -> [Int] {
        list.count <= most ? list : (0..<most).map { list[$0 * (list.count - 1) / (most - 1)] }
    }
}

extension [Float] {
    fileprivate var indicesOfZeros: [Int] { indices.filter { self[$0] == 0 } }
}

extension ConvolutionPictures {
    /// The figures of a page.
    var figures: String {
        var out = ""
        if let filters {
            out += Self.figure(
                "filters", "Filters of \(Words.safe(filters.path))",
                """
                What the first convolution looks for\(filters.height * filters.width > 1
                    ? ", \(filters.height)×\(filters.width) pixels each" : ""): light where it wants light, dark where it wants \
                dark, grey where it does not care. A network that has learnt shows edges, strokes and spots; one that has not, noise.
                """, Self.tiles(filters, "filter"))
        }
        if !maps.isEmpty {
            var content = ""
            if let example {
                content += "<div class=\"maps\"><p class=\"label\">the picture"
                content += label.map { "<span>, \(Words.html(Words.safe($0)))</span>" } ?? ""
                content +=
                    "</p><div class=\"tiles\"><img src=\"\(example)\" alt=\"\(Words.html(Words.safe(label ?? "")))\"></div></div>\n"
            }
            for layer in maps {
                let more = layer.count > layer.tiles.count ? ", \(layer.tiles.count) of \(layer.count) channels" : ""
                content += "<div class=\"maps\"><p class=\"label\">\(Words.html(Words.safe(layer.path)))"
                content += "<span>, \(layer.height)×\(layer.width)\(more)</span></p>"
                content += Self.tiles(layer, "channel") + "</div>\n"
            }
            out += Self.figure(
                "maps", "Feature maps of one picture",
                """
                What layers make of it, one picture a channel: bright where it finds what it looks for. Early layers still show \
                the picture, late ones only what matters of it. All dark: it found nothing here, or is dead.
                """, content)
        }
        return out
    }

    private static func figure(_ id: String, _ title: String, _ caption: String, _ content: String) -> String {
        "<figure class=\"wide\" id=\"\(id)\"><figcaption><b>\(Words.html(title))</b> \(Words.html(caption))</figcaption>\n"
            + content + "</figure>\n"
    }

    private static func tiles(_ layer: Layer, _ noun: String) -> String {
        var out = "<div class=\"tiles\">"
        for tile in layer.tiles {
            let name = "\(noun) \(tile.index)\(tile.isDead ? ", dead: it fires for no row" : "")"
            out +=
                "<img src=\"\(tile.picture)\" alt=\"\(name)\" title=\"\(name)\"\(tile.isDead ? " class=\"dead\"" : "")>"
        }
        out += "</div>"
        let dead = layer.tiles.count(where: \.isDead)
        return dead > 0 ? out + "<p class=\"quiet\">Framed in red: \(dead) that fire for no row.</p>\n" : out + "\n"
    }
}
