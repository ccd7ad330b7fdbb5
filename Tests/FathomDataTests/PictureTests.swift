import FathomData
import Foundation
import Testing

/// The pictures that Corpus/make_pictures.py writes.
private enum Pictures {
    static let folder = Corpus.folder + "/pictures/"

    static func names(_ kind: String) -> [String] { Corpus.names("pictures/" + kind) }

    /// Bytes that stand in an NPY file, with their shape.
    static func expected(_ path: String) throws -> (shape: [Int], values: [Float]) {
        let array = try NPYReader.read(path: folder + path)
        return (array.shape, array.values)
    }
}

@Suite struct PictureTests {
    @Test func corpusIsThere() {
        #expect(Pictures.names("bad").count > 60)
        #expect(Pictures.names("good").count > 30)
        #expect(Pictures.names("resize").count > 8)
    }

    @Test(arguments: Pictures.names("bad")) func badPictureIsRefused(name: String) throws {
        let path = Pictures.folder + "bad/" + name
        let elapsed = ContinuousClock().measure {
            let error = #expect(throws: FormatError.self) { try PictureReader.read(path: path) }
            #expect(error?.file == path)
            #expect(error?.rule.isEmpty == false)
            #expect(error?.location != .file)
        }
        #expect(elapsed < .seconds(1))
    }

    @Test(arguments: Pictures.names("good")) func goodPictureHasTheValuesOfPillow(name: String) throws {
        let picture = try PictureReader.read(path: Pictures.folder + "good/" + name)
        let stem = (name as NSString).deletingPathExtension
        let (shape, values) = try Pictures.expected("expected/\(stem).npy")
        #expect(picture.shape.rowShape == shape)
        // A JPEG decoder may round a coefficient the other way; PNG leaves nothing open.
        let allowed: Float = name.hasSuffix("png") ? 0 : 1
        let largest = zip(picture.pixels, values).map { abs(Float($0) - $1) }.max()
        #expect(try #require(largest) <= allowed)
    }

    @Test(arguments: ["8x8", "32x32", "5x100", "100x5", "74x106", "37x20", "1x1", "38x54"])
    func resizingIsThatOfPillow(size: String) throws {
        let picture = try PictureReader.read(path: Pictures.folder + "resize/source.png")
        let (shape, values) = try Pictures.expected("resize/\(size).npy")
        let resized = picture.resized(height: shape[0], width: shape[1])
        #expect(resized.count == values.count)
        #expect(zip(resized, values).allSatisfy { abs($0 - $1) < 1e-3 })
    }

    @Test func resizingKeepsWhatItMust() throws {
        let picture = try PictureReader.read(path: Pictures.folder + "resize/source.png")
        // The same size, the same values.
        #expect(picture.resized(height: 37, width: 53) == picture.pixels.map { Float($0) })
        // One value everywhere stays that value.
        let flat = try Picture(
            ImageShape(height: 9, width: 31, channels: 1), pixels: [UInt8](repeating: 201, count: 279))
        for (height, width) in [(1, 1), (4, 7), (100, 3), (9, 64)] {
            #expect(flat.resized(height: height, width: width).allSatisfy { abs($0 - 201) < 1e-3 })
        }
        // Half the size is close to the means of 2×2, which the triangle smooths a little more; the mean stays.
        let half = picture.resized(height: 18, width: 26)
        let mean = half.reduce(0, +) / Float(half.count)
        let before = picture.pixels.reduce(0) { $0 + Float($1) } / Float(picture.pixels.count)
        #expect(abs(mean - before) < 1.5)
    }

    @Test func greyAndColour() throws {
        let picture = try PictureReader.read(path: Pictures.folder + "resize/source.png")
        let grey = picture.converted(channels: 1)
        let (shape, values) = try Pictures.expected("resize/grey.npy")
        #expect([grey.shape.height, grey.shape.width] == shape && grey.shape.channels == 1)
        #expect(grey.pixels.map { Float($0) } == values)
        let colour = grey.converted(channels: 3)
        #expect(colour.shape.rowShape == [37, 53, 3])
        #expect(colour.pixels.indices.allSatisfy { colour.pixels[$0] == grey.pixels[$0 / 3] })
        #expect(colour.converted(channels: 3) == colour)
        // Equal channels give their value back.
        #expect(colour.converted(channels: 1) == grey)
    }

    @Test func bombsAreReadWhenTheLimitsAllow() throws {
        var limits = Limits()
        let path = Pictures.folder + "bad/bomb.png"
        let error = #expect(throws: FormatError.self) { try PictureReader.read(path: path) }
        #expect(error?.hint?.contains("Limits.expansion") == true)
        limits.expansion = 2000
        let picture = try PictureReader.read(path: path, limits: limits)
        #expect(picture.shape.rowShape == [4800, 5000, 3])
        limits.pixels = 1000
        #expect(throws: FormatError.self) { try PictureReader.read(path: path, limits: limits) }
        // Exactly at the limit is within it.
        limits.pixels = 143
        _ = try PictureReader.read(path: Pictures.folder + "good/rgb8.png", limits: limits)
        limits.pixels = 142
        #expect(throws: FormatError.self) {
            try PictureReader.read(path: Pictures.folder + "good/rgb8.png", limits: limits)
        }
    }

    @Test func errorsSayWhatAndWhere() throws {
        func error(_ name: String) throws -> FormatError {
            try #require(
                #expect(throws: FormatError.self) { try PictureReader.read(path: Pictures.folder + "bad/" + name) })
        }
        #expect(try error("cut-50.png").location == .offset(254))
        #expect(try error("cut-50.png").description.contains("ends too early"))
        #expect(try error("crc-data.png").description.contains("CRC"))
        #expect(try error("huge.png").rule.contains("30000×30000"))
        #expect(try error("gif.png").hint?.contains("GIF") == true)
        #expect(try error("webp.jpg").hint?.contains("RIFF") == true)
        #expect(try error("cut-30.jpg").description.contains("ends too early"))
        #expect(try error("empty.jpg").rule == "is empty")
        #expect(try error("huge-progressive.jpg").rule.contains("claim"))
    }

    @Test(arguments: ["png", "jpg"]) func damagedPicturesNeverTrap(kind: String) throws {
        let seeds = try Pictures.names("good").filter { $0.hasSuffix(kind) && $0 != "text-bomb.png" }.map {
            try Corpus.bytes("pictures/good/" + $0)
        }
        var limits = Limits()
        limits.pixels = 1 << 16
        var generator = SeededGenerator(seed: 31)
        var refused = 0
        for index in 0..<6000 {
            var bytes = seeds[index % seeds.count]
            for _ in 0...Int(generator.next(below: 3)) {
                let place = Int(generator.next(below: UInt64(bytes.count)))
                let at = generator.next(below: 3) == 0 ? min(place, 64) : place
                switch generator.next(below: 4) {
                case 0: bytes[at] ^= 1 << UInt8(generator.next(below: 8))
                case 1: bytes[at] = [0, 0xFF, 0x7F, 0x80][Int(generator.next(below: 4))]
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + Int(generator.next(below: 40))))
                default: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: at)
                }
                if bytes.isEmpty { break }
            }
            do throws(FormatError) {
                let picture = try PictureReader.parse(bytes.span.bytes, file: "f", limits: limits)
                #expect(picture.pixels.count == picture.shape.valueCount)
            } catch {
                refused += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(refused > 1000)
    }
}

@Suite struct ImageEncoderTests {
    @Test(arguments: [(1, 1, 1), (7, 5, 1), (7, 5, 3), (64, 3, 3), (1, 40, 1), (33, 33, 3)])
    func whatIsWrittenIsReadBack(width: Int, height: Int, channels: Int) throws {
        var generator = SeededGenerator(seed: UInt64(width * 100 + height))
        // Noise, a slope that filters shrink, and one colour.
        for kind in 0..<3 {
            let pixels = (0..<width * height * channels).map { (index: Int) -> UInt8 in
                switch kind {
                case 0: return UInt8(truncatingIfNeeded: generator.next())
                case 1: return UInt8(truncatingIfNeeded: index / channels * 3 + index % channels)
                default: return 77
                }
            }
            let file = try ImageEncoder.png(pixels, width: width, height: height, channels: channels)
            let picture = try PictureReader.parse(file.span.bytes, file: "f")
            #expect(picture.shape == ImageShape(height: height, width: width, channels: channels))
            #expect(picture.pixels == pixels)
        }
    }

    @Test func alphaIsWritten() throws {
        let pixels: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        let colour = try ImageEncoder.png(pixels, width: 2, height: 1, channels: 4)
        #expect(try PictureReader.parse(colour.span.bytes, file: "f").pixels == [1, 2, 3, 5, 6, 7])
        let grey = try ImageEncoder.png(pixels, width: 2, height: 2, channels: 2)
        #expect(try PictureReader.parse(grey.span.bytes, file: "f").pixels == [1, 3, 5, 7])
    }

    @Test func smoothPicturesBecomeSmall() throws {
        let pixels = (0..<10_000).map { (index: Int) -> UInt8 in UInt8(index % 100 + index / 100) }
        #expect(try ImageEncoder.png(pixels, width: 100, height: 100, channels: 1).count < 1000)
        let uri = ImageEncoder.dataURI(png: [0x89, 0x50, 0x4E, 0x47])
        #expect(uri == "data:image/png;base64,iVBORw==")
    }

    @Test func mistakesAreRefused() {
        #expect(throws: DataError.self) { try ImageEncoder.png([1, 2], width: 1, height: 1, channels: 1) }
        #expect(throws: DataError.self) { try ImageEncoder.png([], width: 0, height: 1, channels: 1) }
        #expect(throws: DataError.self) { try ImageEncoder.png([1], width: 1, height: 1, channels: 5) }
        #expect(throws: DataError.self) { try ImageEncoder.png([1], width: .max, height: .max, channels: 3) }
    }

    @Test func valuesBecomePictures() throws {
        let shape = ImageShape(height: 1, width: 5, channels: 1)
        let values: [Float] = [-1, 0, .nan, 1, .infinity]
        #expect(try Picture(values: values, shape: shape).pixels == [0, 128, 0, 255, 255])
        #expect(try Picture(values: values, shape: shape, range: 0...2).pixels == [0, 0, 0, 128, 255])
        #expect(try Picture(values: [Float](repeating: 3, count: 5), shape: shape).pixels == [0, 0, 0, 0, 0])
        #expect(throws: DataError.self) { try Picture(values: [1], shape: shape) }
    }
}

@Suite struct ImageFolderTests {
    /// A folder with one picture of one colour for each path.
    private static func made(
        _ pictures: [(path: String, shape: ImageShape, value: UInt8)]
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (path, shape, value) in pictures {
            let file = folder.path + "/" + path
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            let pixels = [UInt8](repeating: value, count: shape.valueCount)
            let png = try ImageEncoder.png(
                pixels, width: shape.width, height: shape.height, channels: shape.channels)
            try Data(png).write(to: URL(fileURLWithPath: file))
        }
        return folder
    }

    private static let small = ImageShape(height: 4, width: 6, channels: 3)

    @Test func foldersAreClasses() throws {
        let folder = try Self.made([
            ("rose/b.png", Self.small, 51), ("rose/a.PNG", Self.small, 102), ("daisy/x/deep.png", Self.small, 153),
            ("daisy/10.png", Self.small, 204), ("daisy/.hidden.png", Self.small, 0), (".cache/z.png", Self.small, 0),
        ])
        try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder.path + "/rose/notes.txt"))
        try Data("no class".utf8).write(to: URL(fileURLWithPath: folder.path + "/readme.txt"))
        let dataset = try ImageFolder.read(path: folder.path)
        #expect(dataset.classNames == ["daisy", "rose"])
        #expect(dataset.labels == [0, 0, 1, 1])
        #expect(dataset.inputs.shape == [4, 4, 6, 3])
        #expect(dataset.imageShape == Self.small)
        // In the order of the names: 10.png, x/deep.png, a.PNG, b.png.
        let factor: Float = 1 / 255
        for (row, byte) in [204, 153, 102, 51].enumerated() {
            #expect(dataset.inputs.row(row).first == Float(byte) * factor)
        }
        #expect(dataset.inputs.row(2).allSatisfy { $0 == 102 * factor })
        #expect(dataset.flattened().imageShape == Self.small)
        #expect(try ImageFolder.pictures(in: folder.path + "/daisy/").first == folder.path + "/daisy/10.png")
        #expect(dataset.flattened().inputs.shape == [4, 72])
        var options = ImageFolder.Options()
        (options.scaled, options.channels, options.size) = (false, 1, .init(height: 2, width: 3))
        let grey = try ImageFolder.read(path: folder.path, options: options)
        #expect(grey.inputs.shape == [4, 2, 3, 1])
        #expect(grey.inputs.row(0).allSatisfy { abs($0 - 204) < 1e-3 })
    }

    @Test func sizesMustAgreeOrBeGiven() throws {
        let folder = try Self.made([
            ("a/1.png", Self.small, 5), ("b/2.png", ImageShape(height: 5, width: 6, channels: 1), 9),
        ])
        let error = #expect(throws: FormatError.self) { try ImageFolder.read(path: folder.path) }
        #expect(error?.file.hasSuffix("b/2.png") == true)
        #expect(error?.rule == "is 5×6×3, but the first picture is 4×6×3")
        var options = ImageFolder.Options()
        options.size = .init(height: 8, width: 8)
        #expect(try ImageFolder.read(path: folder.path, options: options).inputs.shape == [2, 8, 8, 3])
        var limits = Limits()
        limits.elements = 100
        let large = #expect(throws: FormatError.self) {
            try ImageFolder.read(path: folder.path, options: options, limits: limits)
        }
        #expect(large?.hint == "set a smaller size")
        limits = Limits()
        limits.pictures = 1
        #expect(throws: FormatError.self) { try ImageFolder.read(path: folder.path, options: options, limits: limits) }
    }

    @Test func whatIsNoSuchFolderIsExplained() throws {
        let empty = try TemporaryFolder()
        func hint(_ path: String) -> String {
            let error = #expect(throws: FormatError.self) { try ImageFolder.read(path: path) }
            return error?.description ?? ""
        }
        #expect(hint(empty.path).contains("folder of its own"))
        #expect(hint(empty.path + "/none").contains("cannot be read"))
        let parts = try Self.made([("train/a/1.png", Self.small, 1), ("test/a/1.png", Self.small, 1)])
        #expect(hint(parts.path).contains("testFolder"))
        let hollow = try Self.made([("a/1.png", Self.small, 1)])
        try FileManager.default.createDirectory(atPath: hollow.path + "/b", withIntermediateDirectories: true)
        #expect(hint(hollow.path).contains("no PNG or JPEG"))
        try Data("GIF89a".utf8).write(to: URL(fileURLWithPath: hollow.path + "/b/2.png"))
        #expect(hint(hollow.path).contains("b/2.png"))
    }

    @Test func linksToFoldersAreNotFollowed() throws {
        let folder = try Self.made([("a/1.png", Self.small, 1)])
        // A loop that would never end.
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/a/loop", withDestinationPath: folder.path + "/a")
        #expect(try ImageFolder.read(path: folder.path).rowCount == 1)
        var deep = ""
        for level in 0..<20 { deep += "/\(level)" }
        try FileManager.default.createDirectory(atPath: folder.path + "/a" + deep, withIntermediateDirectories: true)
        #expect(throws: FormatError.self) { try ImageFolder.read(path: folder.path) }
    }
}
