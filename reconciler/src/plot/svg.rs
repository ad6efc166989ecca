//! Pieces of SVG: escaped text, lines, areas. Numbers have one decimal, so that the same chart has the
//! same bytes. No script, no font and no picture from elsewhere.

/// Width of every chart.
pub(super) const WIDTH: f64 = 960.0;

/// A document on its way.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
}

/// How text is placed at its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Adds an element that takes no text; `attributes` as they are written.
    pub(super) fn element(&mut self, name: &str, attributes: &str) {
        self.body.push_str(&format!("<{name} {attributes}/>\n"));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.body.push_str(&format!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}"{style}>{text}</text>"#));
        self.body.push('\n');
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), style: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.element("line", &format!(r#"x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" {style}"#));
    }

    pub(super) fn polyline(&mut self, points: impl Iterator<Item = (f64, f64)>, style: &str) {
        let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.element("polyline", &format!(r#"points="{}" fill="none" {style}"#, points.join(" ")));
    }

    pub(super) fn polygon(&mut self, points: impl Iterator<Item = (f64, f64)>, style: &str) {
        let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.element("polygon", &format!(r#"points="{}" {style}"#, points.join(" ")));
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), style: &str) {
        let place = format!(r#"x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}""#);
        self.element("rect", &format!("{place} {style}"));
    }

    /// The document, with a title and a description for those who do not see it.
    pub(super) fn finish(self, height: f64, title: &str, description: &str) -> String {
        format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" "#,
                r#"height="{height:.0}" font-family="sans-serif" font-size="13" fill="black" role="img">"#,
                "\n<title>{title}</title>\n<desc>{description}</desc>\n",
                r#"<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" "#,
                r#"patternTransform="rotate(45)"><rect width="6" height="6" fill="white"/>"#,
                r##"<line x1="0" y1="0" x2="0" y2="6" stroke="#777" stroke-width="1.6"/></pattern></defs>"##,
                "\n",
                r#"<rect width="100%" height="100%" fill="white"/>"#,
                "\n{body}</svg>\n"
            ),
            width = WIDTH,
            height = height,
            title = escaped(title),
            description = escaped(description),
            body = self.body
        )
    }
}

/// Lines of at most so many characters, broken between words.
pub(super) fn wrapped(text: &str, characters_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= characters_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Text that is no markup; control characters, which XML does not allow, are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}
