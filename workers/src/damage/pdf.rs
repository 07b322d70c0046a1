//! A small paginated document: lines of text and pairs of photos. It holds no date, so equal content is equal bytes.

use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};
use view::rental::Region;

/// A4 in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 46.0;
const SIZE: f32 = 8.5;
const HEADING: f32 = 12.0;
/// Of Courier, every letter is so wide for its size.
const PITCH: f32 = 0.6;
/// Letters in a line of text.
const COLUMNS: usize = ((PAGE.0 - 2.0 * MARGIN) / (SIZE * PITCH)) as usize;

/// Between two photos beside each other.
const GAP: f32 = 12.0;
/// Above and below a photo, its caption included.
const CAPTION: f32 = 3.0 * SIZE;

const CATALOG: Ref = Ref::new(1);
const TREE: Ref = Ref::new(2);
const TEXT: Ref = Ref::new(3);
const BOLD: Ref = Ref::new(4);
const FIRST_FREE: i32 = 5;

/// A photo with numbered boxes.
pub(super) struct Shown {
    pub(super) caption: String,
    /// A JPEG in RGB, with its size in pixels.
    pub(super) jpeg: Option<(Vec<u8>, u32, u32)>,
    pub(super) boxes: Vec<(usize, Region)>,
}

pub(super) struct Document {
    pdf: Pdf,
    next: i32,
    pages: Vec<Ref>,
    content: Content,
    images: Vec<Ref>,
    /// Where the next line stands, from below.
    y: f32,
}

impl Document {
    pub(super) fn new() -> Self {
        let y = PAGE.1 - MARGIN;
        Self { pdf: Pdf::new(), next: FIRST_FREE, pages: vec![], content: Content::new(), images: vec![], y }
    }

    fn name(&mut self) -> Ref {
        self.next += 1;
        Ref::new(self.next - 1)
    }

    /// Begins a new page when so much does not fit any more.
    fn make_room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.end_page();
        }
    }

    fn end_page(&mut self) {
        let (page, stream) = (self.name(), self.name());
        let content = std::mem::replace(&mut self.content, Content::new());
        self.pdf.stream(stream, &content.finish());
        let mut writer = self.pdf.page(page);
        writer.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(TREE).contents(stream);
        let mut resources = writer.resources();
        resources.fonts().pair(Name(b"T"), TEXT).pair(Name(b"B"), BOLD);
        let mut objects = resources.x_objects();
        for image in &self.images {
            objects.pair(Name(format!("I{}", image.get()).as_bytes()), *image);
        }
        objects.finish();
        resources.finish();
        writer.finish();
        self.pages.push(page);
        self.images.clear();
        self.y = PAGE.1 - MARGIN;
    }

    pub(super) fn heading(&mut self, words: &str) {
        self.make_room(4.0 * HEADING);
        self.y -= HEADING;
        self.put(MARGIN, Name(b"B"), HEADING, words);
        self.y -= HEADING * 0.6;
    }

    /// A line of text, broken where it is too long.
    pub(super) fn line(&mut self, words: &str) {
        for row in broken(words) {
            self.make_room(SIZE * 1.4);
            self.put(MARGIN, Name(b"T"), SIZE, &row);
        }
    }

    fn put(&mut self, x: f32, font: Name<'_>, size: f32, words: &str) {
        self.y -= size * 1.4;
        write(&mut self.content, (x, self.y), font, size, words);
    }

    /// Up to two photos beside each other.
    pub(super) fn row(&mut self, photos: Vec<Shown>) {
        let column = (PAGE.0 - 2.0 * MARGIN - GAP) / 2.0;
        let size =
            |shown: &Shown| shown.jpeg.as_ref().map_or((column, SIZE * 2.0), |(_, w, h)| fitted((*w, *h), column));
        let tallest = photos.iter().map(|shown| size(shown).1).fold(0.0, f32::max);
        self.make_room(tallest + CAPTION);
        let top = self.y - SIZE;
        for (place, shown) in photos.into_iter().enumerate() {
            let (x, (width, high)) = (MARGIN + place as f32 * (column + GAP), size(&shown));
            let caption = (x, top - tallest - SIZE * 1.2);
            write(&mut self.content, caption, Name(b"T"), SIZE * 0.9, &shown.caption);
            if let Some((jpeg, columns, rows)) = shown.jpeg {
                let image = self.image(&jpeg, columns, rows);
                self.content.save_state().transform([width, 0.0, 0.0, high, x, top - high]);
                self.content.x_object(Name(format!("I{}", image.get()).as_bytes())).restore_state();
                for (number, region) in shown.boxes {
                    self.boxed((x, top), (width, high), number, &region);
                }
            }
        }
        self.y = top - tallest - SIZE * 2.5;
    }

    fn image(&mut self, jpeg: &[u8], columns: u32, rows: u32) -> Ref {
        let image = self.name();
        let mut writer = self.pdf.image_xobject(image, jpeg);
        writer.filter(Filter::DctDecode);
        writer.width(columns.cast_signed()).height(rows.cast_signed());
        writer.color_space().device_rgb();
        writer.bits_per_component(8);
        writer.finish();
        self.images.push(image);
        image
    }

    fn boxed(&mut self, (x, top): (f32, f32), (width, height): (f32, f32), number: usize, region: &Region) {
        let (left, down) = (x + region.x as f32 * width, top - region.y as f32 * height);
        let (wide, high) = (region.width as f32 * width, region.height as f32 * height);
        self.content.save_state().set_stroke_rgb(0.78, 0.12, 0.16).set_line_width(1.2);
        self.content.rect(left, down - high, wide, high).stroke();
        self.content.set_fill_rgb(0.78, 0.12, 0.16);
        write(&mut self.content, (left, (down + 2.0).min(top - SIZE)), Name(b"B"), SIZE, &number.to_string());
        self.content.restore_state();
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_page();
        self.pdf.catalog(CATALOG).pages(TREE);
        let count = i32::try_from(self.pages.len()).unwrap_or(i32::MAX);
        self.pdf.pages(TREE).kids(self.pages).count(count);
        for (font, name) in [(TEXT, &b"Courier"[..]), (BOLD, b"Helvetica-Bold")] {
            self.pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        self.pdf.finish()
    }
}

/// How large a photo of so many pixels is shown: as wide as its column, unless it is too tall for a page then.
fn fitted((width, height): (u32, u32), column: f32) -> (f32, f32) {
    let ratio = height as f32 / width as f32;
    let wide = column.min((PAGE.1 - 2.0 * MARGIN - CAPTION) / ratio);
    (wide, wide * ratio)
}

fn write(content: &mut Content, (x, y): (f32, f32), font: Name<'_>, size: f32, words: &str) {
    content.begin_text().set_font(font, size).next_line(x, y).show(Str(&latin(words))).end_text();
}

/// The fonts that every reader has know the letters of WinAnsi only; the JSON has the others.
fn latin(words: &str) -> Vec<u8> {
    words.chars().map(win_ansi).collect()
}

fn win_ansi(letter: char) -> u8 {
    match letter {
        ' '..='~' | '\u{a0}'..='ÿ' => letter as u8,
        '€' => 0x80,
        '„' => 0x84,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '–' => 0x96,
        '—' => 0x97,
        _ => b'?',
    }
}

/// Rows that fit a line, broken between words where there are any.
fn broken(words: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in words.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(COLUMNS) {
            let row = rows.last_mut().expect("there is always one");
            if !row.is_empty() && row.chars().count() + 1 + part.len() > COLUMNS {
                rows.push(part.iter().collect());
            } else {
                row.extend((!row.is_empty()).then_some(' ').into_iter().chain(part.iter().copied()));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_and_loses_nothing() {
        let words = format!("a {} b", "x".repeat(3 * COLUMNS));
        let rows = broken(&words);
        assert!(rows.iter().all(|row| row.chars().count() <= COLUMNS), "{rows:?}");
        assert_eq!(rows.concat().replace(' ', ""), words.replace(' ', ""));
    }

    #[test]
    fn the_marks_that_people_type_are_written_as_they_are() {
        assert_eq!(latin("it’s 5 € – né"), b"it\x92s 5 \x80 \x96 n\xe9");
        assert_eq!(latin("\u{80}ж\n"), b"???");
    }

    #[test]
    fn a_tall_photo_is_shown_whole() {
        let mut document = Document::new();
        document.line("Something above it");
        let tall = Shown { caption: "A tower".to_owned(), jpeg: Some((vec![], 1_000, 6_000)), boxes: vec![] };
        document.row(vec![tall]);
        let file = String::from_utf8_lossy(&document.finish()).into_owned();
        let placed = file.lines().find_map(|line| line.strip_suffix(" cm")).unwrap();
        let placed: Vec<f32> = placed.split(' ').map(|number| number.parse().unwrap()).collect();
        let (width, height, bottom) = (placed[0], placed[3], placed[5]);
        assert!(bottom >= MARGIN && bottom + height <= PAGE.1 - MARGIN, "{placed:?}");
        assert!((height / width - 6.0).abs() < 0.01, "{placed:?}");
    }

    #[test]
    fn many_lines_fill_many_pages_and_the_same_content_is_the_same_file() {
        let file = || {
            let mut document = Document::new();
            document.heading("Heading");
            (0..200).for_each(|line| document.line(&format!("Zeile {line} (ä) \\ Привет")));
            document.finish()
        };
        let (one, two) = (file(), file());
        assert_eq!(one, two);
        assert!(one.windows(8).any(|part| part == b"/Count 4"), "some sixty lines fill a page");
    }
}
