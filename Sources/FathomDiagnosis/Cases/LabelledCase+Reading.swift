import Foundation

/// The cases of a file.
public struct CaseFile: Sendable {
    /// In the file's order; an error in place of a case that cannot be read.
    public let cases: [Result<LabelledCase, CaseError>]

    /// Reads a file of labelled set-ups.
    ///
    /// A case that cannot be read does not keep the others from being read.
    ///
    /// - Throws: ``CaseError`` when the text is not JSON, or holds no list `cases`.
    public init(json: Data) throws(CaseError) {
        func fail(_ message: String) -> CaseError { CaseError(id: "file", key: "cases", message: message) }
        // What is nested deeper than any case would only exhaust the decoder.
        guard json.count <= 1 << 28 else { throw fail("is larger than 256 MB") }
        guard Self.depth(json) <= 32 else { throw fail("is nested more than 32 deep") }
        let root: CaseValue
        do { root = try JSONDecoder().decode(CaseValue.self, from: json) } catch { throw fail("is not readable JSON") }
        guard case .map(let map) = root, case .list(let list)? = map["cases"] else {
            throw fail("must be a list of cases in an object")
        }
        cases = list.enumerated().map { index, value in
            do throws(CaseError) { return .success(try LabelledCase(value, place: index + 1)) } catch {
                return .failure(error)
            }
        }
    }

    /// Brackets open at once, those in strings not counted.
    private static func depth(_ json: Data) -> Int {
        var (depth, deepest) = (0, 0)
        var (inString, isEscaped) = (false, false)
        for byte in json {
            if inString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                deepest = max(deepest, depth)
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return deepest
    }
}

/// Keys of one object of a case, read strictly.
struct CaseReader {
    let id: String
    let path: String
    let map: [String: CaseValue]

    init(_ value: CaseValue, id: String, path: String) throws(CaseError) {
        guard case .map(let map) = value else {
            throw CaseError(id: id, key: path.isEmpty ? "case" : path, message: "must be an object, not \(value.words)")
        }
        (self.id, self.path, self.map) = (id, path, map)
    }

    func error(_ key: String, _ message: String) -> CaseError {
        CaseError(id: id, key: path.isEmpty ? key : "\(path).\(key)", message: message)
    }

    /// `nil` for a key that is missing or null.
    private func value(_ key: String) -> CaseValue? {
        if let value = map[key], value != .null { value } else { nil }
    }

    func required(_ key: String, _ rule: String) throws(CaseError) -> CaseValue {
        guard let value = value(key) else { throw error(key, "is missing: it must be \(rule)") }
        return value
    }

    func text(_ key: String) throws(CaseError) -> String {
        let value = try required(key, "a text")
        guard case .text(let text) = value else { throw error(key, "must be a text, not \(value.words)") }
        return text
    }

    func optionalText(_ key: String) throws(CaseError) -> String? { value(key) == nil ? nil : try text(key) }

    func texts(_ key: String) throws(CaseError) -> [String] {
        guard let value = value(key) else { return [] }
        guard case .list(let items) = value else { throw error(key, "must be a list of texts, not \(value.words)") }
        var texts: [String] = []
        for item in items {
            guard case .text(let text) = item else { throw error(key, "must hold texts, not \(item.words)") }
            texts.append(text)
        }
        return texts
    }

    func number(_ key: String) throws(CaseError) -> Double? {
        guard let value = value(key) else { return nil }
        guard case .number(let number) = value, number.isFinite else {
            throw error(key, "must be a number, not \(value.words)")
        }
        return number
    }

    /// A whole number within 1 … 2³⁰.
    func count(_ key: String) throws(CaseError) -> Int? {
        guard let number = try number(key) else { return nil }
        return try count(number, key)
    }

    private func count(_ number: Double, _ key: String) throws(CaseError) -> Int {
        guard let whole = Int(exactly: number), 1...(1 << 30) ~= whole else {
            throw error(key, "must be a whole number from 1 to 2^30, not \(number)")
        }
        return whole
    }

    func counts(_ key: String) throws(CaseError) -> [Int] {
        let value = try required(key, "a list of whole numbers")
        guard case .list(let items) = value, !items.isEmpty else {
            throw error(key, "must be a list of whole numbers, not \(value.words)")
        }
        var counts: [Int] = []
        var size = 1
        for item in items {
            guard case .number(let number) = item else { throw error(key, "must hold numbers, not \(item.words)") }
            let count = try count(number, key)
            let (product, overflow) = size.multipliedReportingOverflow(by: count)
            guard !overflow, product <= 1 << 30 else { throw error(key, "describes more than 2^30 values") }
            size = product
            counts.append(count)
        }
        return counts
    }
}

extension LabelledCase.Part {
    /// A name under `key` and everything beside it.
    init(_ value: CaseValue, named key: String, id: String, path: String) throws(CaseError) {
        let reader = try CaseReader(value, id: id, path: path)
        name = try reader.text(key)
        options = reader.map.filter { $0.key != key && $0.value != .null }
    }
}

extension LabelledCase {
    /// - Parameter place: in the file, from 1, which names a case without an `id`.
    init(_ value: CaseValue, place: Int) throws(CaseError) {
        var reader = try CaseReader(value, id: "\(place)", path: "")
        id = try reader.text("id")
        reader = try CaseReader(value, id: id, path: "")
        task = try reader.text("task")
        guard task.lowercased().hasPrefix("class") || task.lowercased().hasPrefix("regr") else {
            throw reader.error("task", "must begin with classification or regression, not \"\(task)\"")
        }
        let source = try CaseReader(reader.required("dataset", "an object"), id: id, path: "dataset")
        data = DataSource(
            name: try source.text("name"), how: try source.optionalText("how") ?? "",
            file: try source.optionalText("file"))
        inputShape = try reader.counts("input_shape")
        let list = try reader.required("layers", "a list of layers")
        guard case .list(let items) = list, !items.isEmpty else {
            throw reader.error("layers", "must be a list of layers, not \(list.words)")
        }
        var layers: [Part] = []
        for (index, item) in items.enumerated() {
            layers.append(try Part(item, named: "t", id: id, path: "layers[\(index)]"))
        }
        self.layers = layers
        loss = try reader.text("loss")
        optimizer =
            switch reader.map["optimizer"] {
            case nil, .null?: nil
            case let value?: try Part(value, named: "name", id: id, path: "optimizer")
            }
        batch = try reader.count("batch_size")
        epochs = try reader.count("epochs")
        l2 = try reader.number("l2")
        if let l2, l2 < 0 { throw reader.error("l2", "must not be negative") }
        change = try reader.optionalText("change")
        let label = try CaseReader(reader.required("label", "an object"), id: id, path: "label")
        let status = try label.text("status")
        guard let status = Status(rawValue: status) else {
            throw label.error("status", "must be normal or buggy, not \"\(status)\"")
        }
        self.label = Label(status: status, faults: try label.texts("faults"))
    }
}
