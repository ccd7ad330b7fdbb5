/// The look of everything Fathom writes as a page.
package enum ReportStyle {
    /// Type, colours and cards, light and dark.
    package static var css: String { String(decoding: PackageResources.page_css, as: UTF8.self) }
}
