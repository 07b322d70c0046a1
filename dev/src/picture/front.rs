use super::backdrop::shadow;
use super::canvas::{Canvas, Ink, oval, path, pill, rgb, shade, veil};
use super::plate;

/// A hatchback that comes towards the camera.
pub(super) fn draw(canvas: &mut Canvas, colour: [u8; 3], plate: &str) {
    shadow(canvas, 320.0, 1280.0, 986.0);
    tyres(canvas);
    cabin(canvas, colour);
    screen(canvas);
    mirrors(canvas, colour);
    nose(canvas, colour);
    both(canvas, lamp);
    grille(canvas);
    plate::draw(canvas, 800.0, 838.0, plate);
}

/// Draws something on the left and mirrored on the right.
pub(super) fn both(canvas: &mut Canvas, draw: impl Fn(&mut Canvas)) {
    draw(canvas);
    canvas.mirror();
    draw(canvas);
    canvas.mirror();
}

pub(super) fn tyres(canvas: &mut Canvas) {
    both(canvas, |canvas| {
        canvas.fill(&pill(372.0, 800.0, 116.0, 184.0, 34.0), rgb([28, 29, 32]));
        canvas.line(&path("M 408 880 L 408 976"), 4.0, veil(255, 0.07));
        canvas.line(&path("M 446 880 L 446 976"), 4.0, veil(255, 0.07));
    });
}

/// Roof and pillars.
pub(super) fn cabin(canvas: &mut Canvas, colour: [u8; 3]) {
    let shape = "M 418 610 C 452 500 500 412 552 372 C 640 346 960 346 1048 372 C 1100 412 1148 500 1182 610 Z";
    let paint = [(0.0, shade(colour, 1.3)), (0.2, shade(colour, 1.05)), (1.0, shade(colour, 0.7))];
    canvas.fill(&path(shape), Ink::down(350.0, 600.0, &paint));
    canvas.line(&path("M 560 374 C 660 352 940 352 1040 374"), 5.0, veil(255, 0.3));
}

fn screen(canvas: &mut Canvas) {
    let shape = "M 462 584 C 500 492 544 420 586 396 C 670 378 930 378 1014 396 C 1056 420 1100 492 1138 584 \
        C 1000 600 600 600 462 584 Z";
    let glass = [(0.0, rgb([116, 142, 160])), (0.5, rgb([64, 80, 94])), (1.0, rgb([36, 44, 52]))];
    canvas.fill(&path(shape), Ink::down(380.0, 594.0, &glass));
    both(canvas, |canvas| {
        let seat = "M 560 590 C 552 520 566 492 600 490 L 606 470 C 620 458 658 458 672 470 L 678 490 \
            C 712 492 726 520 718 590 Z";
        canvas.fill(&path(seat), veil(18, 0.5));
    });
    canvas.fill(&path("M 640 384 L 760 380 L 640 594 L 510 590 Z"), veil(255, 0.1));
    canvas.fill(&pill(756.0, 398.0, 88.0, 26.0, 10.0), rgb([26, 28, 32]));
    canvas.line(&path("M 640 592 L 500 566"), 5.0, rgb([22, 24, 27]));
    canvas.line(&path("M 960 592 L 800 572"), 5.0, rgb([22, 24, 27]));
    canvas.line(&path(shape), 6.0, rgb([24, 26, 30]));
}

fn mirrors(canvas: &mut Canvas, colour: [u8; 3]) {
    both(canvas, |canvas| {
        canvas.line(&path("M 400 580 L 446 592"), 12.0, rgb([36, 38, 42]));
        let shape = "M 412 548 C 364 536 326 540 314 562 C 310 590 330 604 408 596 C 420 580 420 560 412 548 Z";
        canvas.fill(&path(shape), Ink::down(540.0, 602.0, &[(0.0, shade(colour, 1.2)), (1.0, shade(colour, 0.55))]));
    });
}

fn nose(canvas: &mut Canvas, colour: [u8; 3]) {
    let shape = "M 372 930 C 346 900 340 760 352 690 C 360 640 384 606 430 588 C 600 570 1000 570 1170 588 \
        C 1216 606 1240 640 1248 690 C 1260 760 1254 900 1228 930 C 1100 948 500 948 372 930 Z";
    let paint = [
        (0.0, shade(colour, 1.22)),
        (0.25, shade(colour, 1.04)),
        (0.6, shade(colour, 0.9)),
        (1.0, shade(colour, 0.55)),
    ];
    canvas.fill(&path(shape), Ink::down(576.0, 940.0, &paint));
    let bonnet = "M 440 592 C 600 574 1000 574 1160 592 C 1188 616 1204 646 1208 676 C 1000 654 600 654 392 676 \
        C 396 646 412 616 440 592 Z";
    canvas.fill(&path(bonnet), veil(255, 0.12));
    canvas.line(&path("M 390 678 C 600 656 1000 656 1210 678"), 4.0, shade(colour, 0.4));
    both(canvas, |canvas| canvas.line(&path("M 560 586 C 536 616 520 640 512 664"), 5.0, veil(0, 0.14)));
    canvas.line(&path("M 362 796 C 600 812 1000 812 1238 796"), 4.0, veil(0, 0.2));
}

fn lamp(canvas: &mut Canvas) {
    let shape = "M 366 694 C 420 676 520 690 566 716 C 556 752 470 770 380 756 C 366 744 360 716 366 694 Z";
    canvas.fill(&path(shape), Ink::down(684.0, 764.0, &[(0.0, rgb([226, 234, 240])), (1.0, rgb([128, 142, 154]))]));
    for x in [424.0, 494.0] {
        canvas.fill(&oval(x, 724.0, 27.0, 27.0), rgb([92, 102, 112]));
        canvas.fill(&oval(x, 724.0, 20.0, 20.0), rgb([250, 252, 255]));
    }
    canvas.line(&path(shape), 5.0, rgb([40, 43, 48]));
    canvas.fill(&pill(400.0, 862.0, 96.0, 34.0, 17.0), rgb([34, 36, 40]));
    canvas.fill(&oval(448.0, 879.0, 15.0, 13.0), rgb([232, 238, 240]));
}

fn grille(canvas: &mut Canvas) {
    let shape = "M 590 716 L 1010 716 C 1004 756 990 782 970 794 L 630 794 C 610 782 596 756 590 716 Z";
    canvas.fill(&path(shape), rgb([26, 28, 31]));
    for y in [734.0, 754.0, 774.0] {
        let inset = (y - 716.0) * 0.34;
        canvas.line(&path(&format!("M {} {y} L {} {y}", 604.0 + inset, 996.0 - inset)), 4.0, rgb([84, 88, 94]));
    }
    canvas.line(&path(shape), 5.0, rgb([196, 200, 204]));
    canvas.fill(&oval(800.0, 752.0, 34.0, 34.0), rgb([206, 210, 214]));
    canvas.fill(&oval(800.0, 752.0, 26.0, 26.0), rgb([40, 52, 70]));
    canvas.line(&path("M 792 768 L 792 738 L 812 738 M 792 752 L 808 752"), 6.0, rgb([226, 230, 234]));
    canvas.fill(&pill(530.0, 880.0, 540.0, 44.0, 18.0), rgb([32, 34, 38]));
}
