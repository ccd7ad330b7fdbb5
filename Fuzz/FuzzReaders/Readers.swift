import FathomData
import Foundation

/// One reader: it must return or throw, whatever the bytes are.
typealias Reader = @Sendable (borrowing RawSpan) throws -> Void

/// Large pictures that are sound take long and say nothing new.
private let pictureLimits: Limits = {
    var limits = Limits()
    limits.pixels = 1 << 20
    return limits
}()

/// Readers of data files; those of text and of checkpoints are beside this file.
private let dataReaders: [String: Reader] = [
    "npy": { bytes in
        _ = try NPYReader.parse(bytes, file: "f")
        _ = try NPYReader.parseLabels(bytes, file: "f")
    },
    "npz": { bytes in _ = try NPZReader.parse(bytes, file: "f") },
    "idx": { bytes in
        _ = try IDXReader.parse(bytes, file: "f")
        _ = try IDXReader.parseLabels(bytes, file: "f")
    },
    "png": { bytes in _ = try PictureReader.parse(bytes, file: "f", limits: pictureLimits) },
    "jpeg": { bytes in _ = try PictureReader.parse(bytes, file: "f", limits: pictureLimits) },
    "cifar": { bytes in _ = try CIFARReader.parse(bytes, file: "f") },
    "tar": { bytes in _ = try TarReader.files(bytes, file: "f", limits: Limits()) },
    "csv": { bytes in
        // The first byte chooses the options, so that all of them are searched.
        let choice = bytes.byteCount > 0 ? bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) : 0
        var options = CSVOptions(target: choice & 1 == 0 ? nil : .last)
        options.missing = CSVOptions.Missing.allCases[Int(choice >> 1) % 3]
        options.categorical = CSVOptions.ColumnKind.allCases[Int(choice >> 3) % 4]
        options.targetKind = CSVOptions.TargetKind.allCases[Int(choice >> 5) % 3]
        _ = try CSVReader.parse(
            bytes.extracting(min(1, bytes.byteCount)..<bytes.byteCount), file: "f", options: options)
    },
]

let reader: Reader = {
    let readers = dataReaders.merging(textReaders) { $1 }.merging(checkpointReaders) { $1 }
    let name = ProcessInfo.processInfo.environment["FATHOM_FUZZ"] ?? ""
    guard let reader = readers[name] else {
        fatalError("FATHOM_FUZZ must be one of \(readers.keys.sorted().joined(separator: ", "))")
    }
    return reader
}()
