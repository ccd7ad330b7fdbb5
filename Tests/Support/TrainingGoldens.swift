import Foundation

/// Decoders of the golden values about training: losses, optimisers, schedules, metrics (see `Tests/Golden/README.md`).
public enum TrainingGolden {
    public struct Tensor: Decodable, Sendable {
        public let shape: [Int]
        public let dtype: String
        /// Float32 values are the nearest float, as a double.
        public let values: [Double]

        private enum Key: CodingKey { case shape, dtype, values }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            shape = try container.decode([Int].self, forKey: .shape)
            dtype = try container.decode(String.self, forKey: .dtype)
            let text = try container.decode([Double].self, forKey: .values)
            values = dtype == "f32" ? text.map { Double(Float($0)) } : text
        }

        public var floats: [Float] { values.map(Float.init) }
    }

    public struct Loss: Decodable, Sendable, LabeledGolden {
        public let loss: String
        public let name: String
        public let reduction: String
        public let attributes: [String: [Double]]
        public let inputs: [Tensor]
        public let output64: [Double]
        public let weight: [Double]?
        public let gradients64: [[Double]?]?
        public var label: String { "\(loss): \(name)" }
    }

    public struct Optimizers: Decodable, Sendable {
        public let initial: Tensor
        public let gradients: Tensor
        public let cases: [Optimizer]
    }

    public struct Optimizer: Decodable, Sendable, LabeledGolden {
        public let optimizer: String
        public let name: String
        public let attributes: [String: [Double]]
        /// The parameters by the number of steps, computed in float32 and in double.
        public let after: [String: [Double]]
        public let after64: [String: [Double]]
        public var label: String { "\(optimizer): \(name)" }
    }

    public struct Scheduler: Decodable, Sendable, LabeledGolden {
        public let scheduler: String
        public let attributes: [String: [Double]]
        public let rates: [Double]
        public let metric: [Double]?
        public var label: String { "\(scheduler) \(attributes)" }
    }

    public struct Metric: Decodable, Sendable, LabeledGolden {
        public let metric: String
        public let name: String
        public let scores: Tensor?
        public let labels: Tensor?
        public let targets: Tensor?
        public let predicted: Tensor?
        public let confusion: Tensor?
        /// Every list of numbers, by its name.
        public let results: [String: [Double]]
        public var label: String { "\(metric): \(name)" }

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            metric = try container.decode(String.self, forKey: Key("metric"))
            name = try container.decode(String.self, forKey: Key("name"))
            func tensor(_ key: String) throws -> Tensor? {
                try container.decodeIfPresent(Tensor.self, forKey: Key(key))
            }
            scores = try tensor("scores")
            labels = try tensor("labels")
            targets = try tensor("targets")
            predicted = try tensor("predicted")
            confusion = try tensor("confusion")
            var results: [String: [Double]] = [:]
            for key in container.allKeys {
                if let list = try? container.decode([Double].self, forKey: key) { results[key.stringValue] = list }
            }
            self.results = results
        }
    }

    private struct Cases<Case: Decodable>: Decodable { let cases: [Case] }

    private static func decode<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try decoder.decode(Value.self, from: Data(contentsOf: goldenURL(name)))
    }

    public static func losses() throws -> [Loss] { try decode("losses.json", as: Cases<Loss>.self).cases }
    public static func optimizers() throws -> Optimizers { try decode("optimizers.json", as: Optimizers.self) }
    public static func schedulers() throws -> [Scheduler] {
        try decode("schedulers.json", as: Cases<Scheduler>.self).cases
    }
    public static func metrics() throws -> [Metric] { try decode("metrics.json", as: Cases<Metric>.self).cases }
}

/// A golden case that says what it is in test reports.
public protocol LabeledGolden: CustomStringConvertible {
    var label: String { get }
}

extension LabeledGolden {
    public var description: String { label }
}
