use super::backdrop::shadow;
use super::canvas::{Canvas, Ink, path, pill, rgb, shade, veil};
use super::front::{both, cabin, tyres};
use super::plate;

/// A hatchback that stands with its back to the camera.
pub(super) fn draw(canvas: &mut Canvas, colour: [u8; 3], plate: &str) {
    shadow(canvas, 320.0, 1280.0, 986.0);
    tyres(canvas);
    cabin(canvas, colour);
    tail(canvas, colour);
    window(canvas, colour);
    both(canvas, lamp);
    bumper(canvas, colour);
    plate::draw(canvas, 800.0, 758.0, plate);
}

fn tail(canvas: &mut Canvas, colour: [u8; 3]) {
    let shape = "M 372 930 C 344 890 340 760 352 690 C 360 626 392 580 438 556 C 600 540 1000 540 1162 556 \
        C 1208 580 1240 626 1248 690 C 1260 760 1256 890 1228 930 C 1100 948 500 948 372 930 Z";
    let paint =
        [(0.0, shade(colour, 1.18)), (0.3, shade(colour, 1.0)), (0.7, shade(colour, 0.84)), (1.0, shade(colour, 0.5))];
    canvas.fill(&path(shape), Ink::down(545.0, 940.0, &paint));
    canvas.line(&path("M 430 640 C 560 622 1040 622 1170 640"), 6.0, veil(255, 0.16));
    let seam = "M 470 560 C 500 660 520 760 536 812 C 640 822 960 822 1064 812 C 1080 760 1100 660 1130 560";
    canvas.line(&path(seam), 4.0, shade(colour, 0.4));
}

fn window(canvas: &mut Canvas, colour: [u8; 3]) {
    let shape = "M 486 566 C 514 490 548 428 582 406 C 670 388 930 388 1018 406 C 1052 428 1086 490 1114 566 \
        C 1000 584 600 584 486 566 Z";
    let glass = [(0.0, rgb([92, 112, 128])), (0.5, rgb([50, 62, 74])), (1.0, rgb([30, 36, 44]))];
    canvas.fill(&path(shape), Ink::down(392.0, 576.0, &glass));
    for y in [440.0, 470.0, 500.0, 530.0] {
        let inset = (566.0 - y) * 0.52;
        canvas.line(&path(&format!("M {} {y} L {} {y}", 506.0 + inset, 1094.0 - inset)), 1.5, veil(150, 0.35));
    }
    canvas.fill(&path("M 660 396 L 790 392 L 690 578 L 550 574 Z"), veil(255, 0.09));
    canvas.line(&path(shape), 6.0, rgb([24, 26, 30]));
    canvas.line(&path("M 800 572 L 930 548"), 7.0, rgb([20, 22, 25]));
    canvas
        .fill(&path("M 560 374 C 660 352 940 352 1040 374 L 1030 400 C 940 384 660 384 570 400 Z"), shade(colour, 0.8));
    canvas.fill(&pill(750.0, 380.0, 100.0, 10.0, 5.0), rgb([140, 22, 22]));
}

fn lamp(canvas: &mut Canvas) {
    let shape = "M 360 664 C 386 640 450 628 500 634 C 512 680 516 716 510 742 C 450 752 396 746 358 730 \
        C 354 708 354 684 360 664 Z";
    canvas.fill(&path(shape), Ink::down(634.0, 748.0, &[(0.0, rgb([206, 46, 40])), (1.0, rgb([116, 12, 14]))]));
    canvas.line(&path("M 378 668 C 410 654 450 648 486 650 L 494 690"), 8.0, rgb([236, 130, 112]));
    canvas.fill(&pill(380.0, 706.0, 60.0, 22.0, 10.0), rgb([232, 160, 70]));
    canvas.fill(&pill(448.0, 706.0, 48.0, 22.0, 10.0), rgb([236, 238, 238]));
    canvas.line(&path(shape), 4.0, rgb([52, 10, 12]));
}

fn bumper(canvas: &mut Canvas, colour: [u8; 3]) {
    canvas.line(&path("M 354 822 C 600 840 1000 840 1246 822"), 4.0, shade(colour, 0.4));
    let apron = "M 470 872 C 600 862 1000 862 1130 872 L 1180 936 C 1050 948 550 948 420 936 Z";
    canvas.fill(&path(apron), rgb([38, 40, 44]));
    both(canvas, |canvas| {
        canvas.fill(&pill(384.0, 846.0, 70.0, 20.0, 8.0), rgb([170, 26, 26]));
        canvas.fill(&pill(520.0, 908.0, 86.0, 28.0, 14.0), rgb([168, 172, 176]));
        canvas.fill(&pill(527.0, 913.0, 72.0, 18.0, 9.0), rgb([24, 24, 26]));
    });
    canvas.fill(&pill(760.0, 664.0, 80.0, 30.0, 15.0), rgb([206, 210, 214]));
    canvas.line(&path("M 792 688 L 792 670 L 810 670 M 792 679 L 806 679"), 4.0, rgb([40, 52, 70]));
}
