use entity::derivative::Model as DerivativeModel;

use super::*;
use crate::{
    page::{Frame, Page},
    review::sample,
};

fn html(sheet: &Sheet, filled: Option<&Form>) -> String {
    let refused = filled.map(|_| Refused::new("Nothing was decided", "Please look again.", vec!["A note.".to_owned()]));
    let showing = Showing { token: "T", csrf: "C".to_owned(), reader: "Admin".to_owned(), refused, filled };
    let face = face(sheet, showing).unwrap();
    Page::Review.html(Frame { title: "T", aside: "" }, &face).unwrap()
}

#[test]
fn the_page_shows_all_that_the_decision_needs() {
    let page = html(&sample::sheet(), None);
    for words in [
        "ABC-123",
        "URGENT",
        "late by 1 h 35 min",
        "12000 → 12345 km (345 km driven)",
        "50 % missing",
        "Marlene, •••456",
        "&lt;b&gt;front&lt;/b&gt;: blurred",
        "Left, door: dent (minor): as big as a coin",
        "taken earlier",
        "/review/T/photo/00000000-0000-0000-0000-000000000064/1600",
        "The large copy is not made yet",
        "There is no photo.",
        "2 possible new marks",
        "shattered glass",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("Example</") && !page.contains("<b>front") && !page.contains("<script"));
    assert_eq!(page.matches("class=\"box ").count(), 3);
}

#[test]
fn what_is_certainly_new_is_ticked_until_somebody_unticks_it() {
    let ticked = |page: &str, number: i32| page.contains(&format!("value=\"{number}\" checked"));
    let first = html(&sample::sheet(), None);
    assert!(ticked(&first, 1) && !ticked(&first, 2) && !ticked(&first, 3));
    let form = Form::parse(b"verdict=damage&finding=3&amount-3=99&note=Look+here&extra-0-note=Roof+%3Ci%3E");
    let again = html(&sample::sheet(), Some(&form));
    assert!(!ticked(&again, 1) && ticked(&again, 3));
    assert!(
        again.contains("value=\"99\"") && again.contains("Look here</textarea>") && again.contains("Roof &lt;i&gt;")
    );
    assert!(again.contains("<details open>") && again.contains("<li>A note.</li>"));
}

#[test]
fn a_sure_finding_is_filled_in_and_a_doubtful_one_is_left_to_the_person() {
    let page = html(&sample::sheet(), None);
    assert!(page.contains("name=\"amount-1\" inputmode=\"decimal\" autocomplete=\"off\" value=\"450.00\""));
    assert!(page.contains("name=\"amount-3\" inputmode=\"decimal\" autocomplete=\"off\" value=\"\""));
    assert!(page.contains("name=\"severity-3\"><option value=\"\">choose</option>"));
    assert!(page.contains("Not sure enough for a suggestion: manual review."));
}

#[test]
fn a_panel_is_proposed_where_the_class_tells_it_and_asked_for_otherwise() {
    let mut sheet = sample::sheet();
    let scratch = Finding {
        class: "scratch".to_owned(),
        suggested_panel: None,
        suggested_estimate: None,
        ..sample::finding(2, "new")
    };
    sheet.report.as_mut().unwrap().findings = vec![sample::finding(1, "new"), scratch];
    let page = html(&sheet, None);
    let list = |name: &str| page.split(&format!("name=\"{name}\">")).nth(1).unwrap().split("</select>").next().unwrap();
    assert!(list("panel-1").contains("value=\"glass\" selected") && !list("panel-1").contains("not said"));
    assert!(list("panel-2").starts_with("<option value=\"\">not said") && !list("panel-2").contains("selected"));
    let again = html(&sheet, Some(&Form::parse(b"verdict=damage&panel-2=door&extra-0-panel=sill")));
    assert!(again.contains("value=\"door\" selected") && again.contains("value=\"sill\" selected"));
}

/// What the Tab key comes to, in its order: without `tabindex` that is the order of the document.
fn stops(page: &str) -> Vec<&str> {
    let starts = ["<a ", "<button", "<input", "<select", "<textarea", "<summary"];
    let tags = page.match_indices('<').map(|(at, _)| page[at..].split_once('>').map_or("", |(tag, _)| tag));
    tags.filter(|tag| starts.iter().any(|start| tag.starts_with(start)) && !tag.contains("hidden")).collect()
}

#[test]
fn the_keyboard_alone_reaches_everything_in_the_order_of_the_work() {
    let page = html(&sample::sheet(), None);
    assert!(!page.contains("tabindex") && !page.contains(" onclick"));
    let stops = stops(&page);
    let place = |part: &str| stops.iter().position(|tag| tag.contains(part)).unwrap_or_else(|| panic!("{part}"));
    assert_eq!(place("class=\"skip\""), 0);
    let order = [
        "<button",
        "#damage",
        "#more-photos",
        "/original",
        "value=\"1\"",
        "panel-1",
        "severity-1",
        "amount-1",
        "<summary",
        "extra-0-side",
        "damage-note",
        "photos-note",
    ];
    let places: Vec<_> = order.iter().map(|part| place(part)).collect();
    assert!(places.is_sorted(), "{places:?}");
    for field in stops.iter().filter_map(|tag| tag.split_once(" id=\"")?.1.split('"').next()) {
        assert!(page.contains(&format!("<label for=\"{field}\"")), "{field} has no label");
    }
}

#[test]
fn the_words_for_a_picture_are_those_of_the_boxes_on_it() {
    let mut sheet = sample::sheet();
    let before = DerivativeModel { photo_id: sheet.photos[0].id, ..sheet.copies[&sheet.photos[1].id].clone() };
    sheet.copies.insert(before.photo_id, before);
    let alts = |sheet: &Sheet| {
        let page = html(sheet, None);
        page.split(" alt=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let marked = "At return, front: marked: 1 shattered glass, score 0.71; 2 shattered glass, score 0.71; \
                  3 shattered glass, score 0.71";
    assert_eq!(alts(&sheet), ["At pick-up, front: nothing marked", marked]);
    let report = sheet.report.as_mut().unwrap();
    report.findings.truncate(1);
    report.findings[0].pickup_region = Some(report.findings[0].region.clone());
    assert_eq!(alts(&sheet)[0], "At pick-up, front: marked: 1 place of shattered glass");
    sheet.report.as_mut().unwrap().findings.clear();
    assert_eq!(alts(&sheet)[1], "At return, front: not analysed", "no model has looked at it");
    sheet.photos[1].analysis = Some(serde_json::json!({}));
    assert_eq!(alts(&sheet)[1], "At return, front: nothing marked");
}

#[test]
fn enter_in_the_field_of_an_amount_presses_no_button() {
    let page = html(&sample::sheet(), None);
    let form = page.split("<form").find(|form| form.contains("inputmode=\"decimal\"")).unwrap();
    let first = form.split("<button").nth(1).unwrap();
    assert!(first.starts_with(" type=\"submit\" disabled hidden>"), "{first}");
}

#[test]
fn nothing_is_chosen_for_what_the_model_did_not_see() {
    let page = html(&sample::sheet(), None);
    for part in ["side", "class", "severity"] {
        let list = page.split(&format!("name=\"extra-0-{part}\">")).nth(1).unwrap().split("</select>").next().unwrap();
        assert!(list.starts_with("<option value=\"\">choose</option>") && !list.contains("selected"), "{list}");
    }
}

#[test]
fn a_return_without_report_or_photos_can_be_decided_too() {
    let mut sheet = sample::sheet();
    sheet.report = None;
    sheet.photos.clear();
    assert!(html(&sheet, None).contains("nothing can be charged to the renter"));
    sheet.report = Some(Report { not_analysed: Some("no model".to_owned()), ..Report::default() });
    assert!(html(&sheet, None).contains("<strong>NOT ANALYSED.</strong> No model."));
}

#[test]
fn photos_that_are_there_are_not_said_to_be_missing() {
    let mut sheet = sample::sheet();
    sheet.rental_return.without_photos_reason = Some("the telephone died".to_owned());
    let report = sheet.report.as_mut().unwrap();
    report.not_analysed = Some("back: there is no photo".to_owned());
    report.model = Some(serde_json::json!({ "name": "tiny" }));
    let page = html(&sheet, None);
    assert!(page.contains("<strong>NOT ANALYSED.</strong> Back: there is no photo."), "{page}");
    assert!(page.contains("did not look at every side") && !page.contains("No model looked"));
    sheet.photos.retain(|photo| photo.occasion.0 == Occasion::Pickup);
    assert!(html(&sheet, None).contains("without photos: The telephone died."));
}

#[test]
fn the_sides_on_which_nothing_can_be_charged_are_named() {
    let page = html(&sample::sheet(), None);
    assert!(
        page.contains("Without a pick-up photo: back, left, right. Nothing on these sides can be charged"),
        "{page}"
    );
}

#[test]
fn words_become_a_sentence() {
    assert_eq!(sentence("the model is missing"), "The model is missing.");
    assert_eq!(sentence("über."), "Über.");
    assert_eq!(sentence(""), ".");
}

#[test]
fn the_verdict_says_what_is_asked() {
    assert_eq!(verdict_line(None).label, "INSPECTING");
    assert_eq!(verdict_line(Some(&Report::default())).label, "CLEAR?");
    let not_analysed = Report { not_analysed: Some("no model".to_owned()), ..Report::default() };
    assert_eq!(verdict_line(Some(&not_analysed)).label, "NOT ANALYSED");
}
