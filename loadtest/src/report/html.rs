//! Results as one page that needs nothing else: text, tables and plots.

use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::Path;

use super::json::Record;

/// A target's processor use and packets over the seconds of a test.
#[derive(Clone, Debug)]
pub struct Course {
    pub name: String,
    /// Seconds, packets a second, and processor time as a part of a core.
    pub samples: Vec<(f64, f64, f64)>,
}

/// Writes the page.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, records: &[Record], courses: &[Course]) -> io::Result<()> {
    fs::write(path, page(records, courses))
}

fn page(records: &[Record], courses: &[Course]) -> String {
    let mut page = Page::default();
    page.push(HEAD);
    page.push("<h1>Load test</h1>");
    page.line(format_args!("<p>{}</p>", escape(&machine())));
    let mut scenarios: Vec<&str> = Vec::new();
    for record in records {
        if !scenarios.contains(&record.scenario.as_str()) {
            scenarios.push(&record.scenario);
        }
    }
    for scenario in scenarios {
        let of: Vec<_> = records.iter().filter(|r| r.scenario == scenario).collect();
        page.line(format_args!("<h2>{}</h2>", escape(scenario)));
        page.bars("Processor time a forwarded packet, ns", &of, |r| {
            Some(r.cpu_ns_per_forwarded_packet)
        });
        page.bars("Forwarding delay, p99, ms", &of, |r| r.delay_ms.p99);
        page.bars("Join, p95, ms", &of, |r| r.join_ms.p95);
        page.bars("Memory, MB", &of, |r| Some(r.memory_bytes as f64 / 1e6));
        page.table(&of);
    }
    if courses.iter().any(|course| course.samples.len() > 1) {
        page.push("<h2>Over time</h2>");
        page.curves("Packets a second", courses, |sample| sample.1);
        page.curves("Server's processor, cores", courses, |sample| sample.2);
    }
    page.push("</main></body></html>");
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn line(&mut self, line: fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn bars(&mut self, title: &str, records: &[&Record], of: fn(&Record) -> Option<f64>) {
        let values: Vec<_> = records
            .iter()
            .filter_map(|record| Some((record, of(record)?)))
            .collect();
        let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        if most <= 0.0 {
            return;
        }
        let height = values.len() * BAR + 10;
        self.line(format_args!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">",
            escape(title)
        ));
        for (index, (record, value)) in values.iter().enumerate() {
            let y = index * BAR;
            let width = value / most * BAR_WIDTH;
            let color = COLORS[index % COLORS.len()];
            self.line(format_args!(
                "<text x=\"195\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"200\" y=\"{}\" width=\"{width:.1}\" height=\"16\" fill=\"{color}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                y + 17,
                escape(&record.target),
                y + 4,
                206.0 + width,
                y + 17,
                short(*value),
            ));
        }
        self.push("</svg></figure>");
    }

    fn table(&mut self, records: &[&Record]) {
        self.push(
            "<table><tr><th>target</th><th>ns a packet</th><th>× floor</th><th>packets/s</th>\
             <th>Mbit/s</th><th>loss %</th><th>delay p50</th><th>p99</th><th>p99.9 ms</th>\
             <th>joins/s</th><th>SRTP</th><th>settings</th></tr>",
        );
        for record in records {
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), short);
            self.line(format_args!(
                "<tr><td>{} {}</td><td>{}</td><td>{}</td><td>{:.0}</td><td>{:.1}</td>\
                 <td>{:.3}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0}</td><td>{}</td>\
                 <td>{}</td></tr>",
                escape(&record.target),
                escape(&record.version),
                short(record.cpu_ns_per_forwarded_packet),
                number(record.ratio_to_floor),
                record.forwarded_packets_per_second,
                record.forwarded_bits_per_second / 1e6,
                record.loss * 100.0,
                number(record.delay_ms.p50),
                number(record.delay_ms.p99),
                number(record.delay_ms.p999),
                record.joins_per_second,
                escape(&record.srtp_profile),
                escape(&record.settings),
            ));
        }
        self.push("</table>");
    }

    fn curves(&mut self, title: &str, courses: &[Course], of: fn(&(f64, f64, f64)) -> f64) {
        let all = || courses.iter().flat_map(|course| &course.samples);
        let last = all().map(|sample| sample.0).fold(0.0, f64::max);
        let most = all().map(of).fold(0.0, f64::max);
        if last <= 0.0 || most <= 0.0 {
            return;
        }
        let height = CURVE_HEIGHT + 40.0 + 18.0 * courses.len() as f64;
        self.line(format_args!(
            "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
             <text x=\"0\" y=\"12\">{}</text><text x=\"{WIDTH}\" y=\"{}\" \
             text-anchor=\"end\">{last:.0} s</text>",
            escape(title),
            short(most),
            CURVE_HEIGHT + 34.0,
        ));
        for (index, course) in courses.iter().enumerate() {
            let color = COLORS[index % COLORS.len()];
            let points: Vec<_> = course
                .samples
                .iter()
                .map(|sample| {
                    let x = sample.0 / last * WIDTH as f64;
                    let y = 18.0 + CURVE_HEIGHT * (1.0 - of(sample) / most);
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            self.line(format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <text x=\"0\" y=\"{}\" fill=\"{color}\">{}</text>",
                points.join(" "),
                CURVE_HEIGHT + 52.0 + 18.0 * index as f64,
                escape(&course.name)
            ));
        }
        self.push("</svg></figure>");
    }
}

/// The processor's name and how many cores there are.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{name}, {cores} core(s) for this test, Linux {}",
        kernel.trim()
    )
}

/// Three digits that matter.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const WIDTH: usize = 760;
const BAR: usize = 24;
const BAR_WIDTH: f64 = 460.0;
const CURVE_HEIGHT: f64 = 180.0;
const COLORS: [&str; 6] = [
    "#8a8f98", "#4a5568", "#0f766e", "#b45309", "#be185d", "#4338ca",
];
const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Load test</title><style>\
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;background:#fff;margin:2rem}\
main{max-width:60rem;margin:auto}figure{margin:1rem 0}figcaption{font-weight:600}\
svg{width:100%;max-width:760px;font-size:13px}\
table{border-collapse:collapse;font-size:13px;display:block;overflow-x:auto}\
th,td{padding:.25rem .6rem;border-bottom:1px solid #d8dee6;text-align:right}\
th:first-child,td:first-child{text-align:left}</style></head><body><main>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let course = Course {
            name: "<script>".into(),
            samples: vec![(1.0, 5.0, 0.1), (2.0, 6.0, 0.2)],
        };

        let page = page(&[], &[course]);

        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script>"));
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = page(&[], &[]);

        for other in ["src=", "href=", "http:", "https:", "url("] {
            assert!(!page.contains(other), "{other}");
        }
    }
}
