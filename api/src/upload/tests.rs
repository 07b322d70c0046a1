use poem::{Body, Request, RequestBody};

use super::{incoming::PARTS_LIMIT, *};

async fn receive(parts: &[(&str, &[u8])]) -> Result<Handover, ApiError> {
    let mut received = Received::default();
    for (name, content) in parts {
        received.take(name, *content).await.unwrap();
    }
    received.finish()
}

fn pointers(error: &ApiError) -> Vec<&str> {
    error.errors.iter().map(|reason| reason.pointer.as_str()).collect()
}

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF and the rest";

#[tokio::test]
async fn a_whole_form_is_read_and_its_photos_are_hashed() {
    let form = receive(&[("odometer", b" 1200 "), ("fuel", b"0.5"), ("left", JPEG)]).await.unwrap();
    assert_eq!((form.odometer, form.fuel), (1_200, 0.5));
    let (slot, photo) = &form.photos[0];
    assert_eq!((*slot, photo.size, photo.format.as_str()), (Slot::Left, JPEG.len() as i64, "image/jpeg"));
    assert_eq!(std::fs::read(photo.path()).unwrap(), JPEG);
}

#[tokio::test]
async fn a_reason_for_a_reading_is_read_with_it() {
    let parts = |reason: &'static [u8]| [("odometer", &b"12"[..]), ("fuel", b"1"), ("odometerCorrection", reason)];
    let form = receive(&parts(b" it said 123450 by mistake ")).await.unwrap();
    assert_eq!(form.odometer_correction.as_deref(), Some("it said 123450 by mistake"));
    for wrong in [&b"  "[..], b"a\0bc", &[b'x'; 501]] {
        assert_eq!(pointers(&receive(&parts(wrong)).await.err().unwrap()), ["/odometerCorrection"]);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let parts: [(&str, &[u8]); 5] =
        [("fuel", b"42"), ("roof", b"x"), ("left", JPEG), ("left", JPEG), ("back", b"<svg/>")];
    let error = receive(&parts).await.err().unwrap();
    assert_eq!(error.problem.code, "validation_failed");
    assert_eq!(pointers(&error), ["/fuel", "/roof", "/left", "/odometer", "/back"]);
}

#[tokio::test]
async fn a_photo_that_is_none_is_refused_by_its_slot() {
    let error =
        receive(&[("odometer", b"1"), ("fuel", b"1"), ("front", b""), ("back", b"GIF89a")]).await.err().unwrap();
    assert_eq!((error.problem.code, pointers(&error)), ("photos_refused", vec!["/front", "/back"]));
}

#[tokio::test]
async fn the_file_of_a_photo_goes_with_the_form() {
    let form = receive(&[("odometer", b"1"), ("fuel", b"1"), ("front", JPEG)]).await.unwrap();
    let path = form.photos[0].1.path().to_owned();
    drop(form);
    assert!(!path.exists());
}

#[test]
fn a_repeat_under_the_same_key_names_the_same_object() {
    let id = |key| photo_id(Uuid::nil(), key, Slot::Front, "00");
    assert_eq!(id(Some("a")), id(Some("a")));
    assert_ne!(id(Some("a")), id(Some("b")));
    assert_ne!(id(None), id(None));
}

fn multipart(parts: &[(&str, &[u8])]) -> (Request, RequestBody) {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
        body.extend(content.iter().chain(b"\r\n"));
    }
    body.extend(b"--X--\r\n");
    let request = Request::builder().header("content-type", "multipart/form-data; boundary=X");
    let pieces: Vec<_> =
        body.chunks(1_024).map(|piece| std::io::Result::Ok(bytes::Bytes::copy_from_slice(piece))).collect();
    let length = body.len();
    request.header("content-length", length).body(Body::from_bytes_stream(futures::stream::iter(pieces))).split()
}

#[tokio::test]
async fn a_statement_with_far_too_many_photos_is_read_to_its_end() {
    let mut parts = vec![("words", &b"Look"[..])];
    parts.extend([("photos", JPEG); 30]);
    parts.push(("press", b"dispute"));
    let (request, mut body) = multipart(&parts);
    let (statement, read) = Incoming::begin(&request, &mut body, 5).await.unwrap().receive_so_far().await;
    assert!(read.is_ok());
    assert_eq!(statement.texts().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["words", "press"]);
    assert_eq!(statement.check().unwrap_err().errors[0].message, "Send at most 5 photos.");
    let (request, mut body) = multipart(&[("odometer", &b"1"[..]); 17]);
    let refused = Incoming::open(&request, &mut body, 5).await.unwrap().receive().await.err().unwrap();
    assert_eq!(refused.problem.code, "bad_request", "a return has no use for so many parts");
}

#[tokio::test]
async fn what_stands_before_too_much_is_not_lost() {
    let photo = [JPEG, &[0; 2 * PARTS_LIMIT as usize]].concat();
    let (request, mut body) = multipart(&[("words", b"Look"), ("photos", &photo)]);
    assert!(Incoming::open(&request, &mut body, 0).await.is_err());
    let (statement, read) = Incoming::begin(&request, &mut body, 0).await.unwrap().receive_so_far().await;
    assert_eq!(read.unwrap_err().problem.code, "body_too_large");
    assert_eq!(statement.texts(), [("words".to_owned(), "Look".to_owned())]);
}
