use super::backdrop::shadow;
use super::canvas::{Canvas, Ink, oval, path, pill, rgb, shade, veil};

const BODY: &str = "M 172 862 C 150 846 140 800 140 762 C 140 712 150 676 176 652 C 214 620 300 598 400 584 \
    C 450 577 500 570 540 560 C 610 492 680 432 742 406 C 800 384 900 374 1000 376 C 1112 378 1196 396 1250 432 \
    C 1304 468 1350 520 1386 562 C 1424 580 1440 620 1446 690 C 1452 760 1450 820 1434 858 L 1400 872 L 200 872 Z";

const GLASS: &str = "M 588 560 C 650 496 706 448 756 428 C 810 408 900 400 990 402 C 1084 404 1150 414 1196 446 \
    C 1240 478 1276 518 1300 552 C 1120 566 800 568 588 560 Z";

/// A hatchback that faces left.
pub(super) fn draw(canvas: &mut Canvas, colour: [u8; 3]) {
    shadow(canvas, 130.0, 1470.0, 972.0);
    body(canvas, colour);
    windows(canvas, colour);
    doors(canvas, colour);
    lamps(canvas);
    wheel(canvas, 402.0);
    wheel(canvas, 1180.0);
}

fn body(canvas: &mut Canvas, colour: [u8; 3]) {
    let paint = [
        (0.0, shade(colour, 1.25)),
        (0.38, shade(colour, 1.08)),
        (0.52, shade(colour, 1.0)),
        (0.8, shade(colour, 0.78)),
        (1.0, shade(colour, 0.5)),
    ];
    canvas.fill(&path(BODY), Ink::down(380.0, 872.0, &paint));
    // The shoulder catches the sky, the flank below it the ground.
    let shoulder = "M 196 662 C 420 606 900 600 1432 618 C 1438 630 1440 640 1442 652 C 1000 626 500 632 178 690 Z";
    canvas.fill(&path(shoulder), veil(255, 0.16));
    canvas.line(&path("M 178 690 C 500 634 1000 628 1442 654"), 4.0, veil(0, 0.16));
    canvas.line(&path("M 330 790 C 600 772 900 772 1290 786"), 5.0, veil(255, 0.14));
    canvas.line(&path("M 330 797 C 600 779 900 779 1290 793"), 5.0, veil(0, 0.16));
    let sill = "M 196 842 L 1420 842 C 1430 852 1426 866 1400 874 L 204 874 C 176 866 170 852 172 842 Z";
    canvas.fill(&path(sill), rgb([44, 46, 50]));
    canvas.line(&path("M 760 402 C 860 374 1100 366 1240 424"), 6.0, veil(255, 0.22));
}

fn windows(canvas: &mut Canvas, colour: [u8; 3]) {
    canvas.line(&path(GLASS), 10.0, rgb([24, 26, 30]));
    let glass = [(0.0, rgb([104, 128, 146])), (0.45, rgb([56, 70, 84])), (1.0, rgb([28, 34, 42]))];
    canvas.fill(&path(GLASS), Ink::down(400.0, 566.0, &glass));
    for gleam in ["M 700 470 L 770 424 L 720 562 L 640 562 Z", "M 940 402 L 1010 402 L 990 562 L 910 562 Z"] {
        canvas.fill(&path(gleam), veil(255, 0.1));
    }
    canvas.line(&path("M 891 414 L 885 558"), 22.0, rgb([26, 28, 32]));
    canvas.line(&path("M 1148 428 C 1168 466 1182 510 1186 554"), 16.0, rgb([26, 28, 32]));
    canvas.line(&path("M 592 566 C 800 574 1120 572 1304 558"), 5.0, rgb([196, 200, 204]));
    let mirror = "M 610 560 C 596 530 606 512 640 512 C 668 512 680 530 676 560 Z";
    canvas.fill(&path(mirror), Ink::down(510.0, 560.0, &[(0.0, shade(colour, 1.2)), (1.0, shade(colour, 0.6))]));
    canvas.fill(&path("M 610 560 L 676 560 L 670 572 L 622 572 Z"), rgb([30, 32, 36]));
}

fn doors(canvas: &mut Canvas, colour: [u8; 3]) {
    let gap = shade(colour, 0.38);
    for seam in [
        "M 604 570 C 572 640 566 760 588 838",
        "M 884 570 C 884 680 886 760 890 838",
        "M 1190 566 C 1196 620 1180 672 1136 708 C 1080 752 1046 790 1036 838",
        "M 408 584 C 460 590 520 580 556 566",
        "M 1386 562 C 1372 620 1372 660 1376 700",
    ] {
        canvas.line(&path(seam), 4.0, gap);
    }
    for x in [792.0, 1076.0] {
        canvas.fill(&pill(x, 654.0, 74.0, 16.0, 8.0), shade(colour, 0.5));
        canvas.fill(&pill(x, 650.0, 74.0, 14.0, 7.0), shade(colour, 1.2));
    }
    canvas.line(&path("M 1290 610 L 1340 612 L 1340 660 L 1290 658 Z"), 3.0, gap);
}

fn lamps(canvas: &mut Canvas) {
    let head = "M 156 690 C 172 662 220 640 286 634 C 290 656 262 690 216 702 C 190 708 166 708 150 712 Z";
    canvas.fill(&path(head), Ink::down(634.0, 712.0, &[(0.0, rgb([236, 242, 246])), (1.0, rgb([150, 164, 176]))]));
    canvas.line(&path(head), 4.0, rgb([50, 54, 60]));
    canvas.fill(&oval(206.0, 676.0, 17.0, 15.0), rgb([250, 252, 255]));
    let tail = "M 1350 588 C 1396 588 1424 604 1436 640 L 1444 700 C 1404 694 1366 654 1350 588 Z";
    canvas.fill(&path(tail), Ink::down(588.0, 700.0, &[(0.0, rgb([198, 40, 36])), (1.0, rgb([120, 14, 16]))]));
    canvas.line(&path("M 1372 604 C 1400 612 1420 630 1428 660"), 5.0, rgb([232, 120, 104]));
    canvas.fill(&path("M 140 772 L 190 776 L 196 806 L 144 806 Z"), rgb([34, 36, 40]));
}

fn wheel(canvas: &mut Canvas, x: f32) {
    let arch = format!(
        "M {} 874 C {} 760 {} 704 {x} 704 C {} 704 {} 760 {} 874 Z",
        x - 150.0,
        x - 150.0,
        x - 90.0,
        x + 90.0,
        x + 150.0,
        x + 150.0
    );
    canvas.fill(&path(&arch), rgb([22, 23, 26]));
    let y = 852.0;
    canvas.fill(&oval(x, y, 124.0, 124.0), rgb([30, 31, 34]));
    canvas.line(&oval(x, y, 112.0, 112.0), 3.0, veil(255, 0.08));
    canvas.fill(&oval(x, y, 90.0, 90.0), rgb([66, 70, 75]));
    for spoke in 0..10 {
        let turn = spoke as f32 * std::f32::consts::TAU / 10.0 - 0.3;
        let at = |radius: f32, angle: f32| (x + radius * angle.cos(), y + radius * angle.sin());
        let [(ax, ay), (bx, by), (cx, cy), (dx, dy)] =
            [at(22.0, turn - 0.3), at(86.0, turn - 0.1), at(86.0, turn + 0.1), at(22.0, turn + 0.3)];
        let blade = format!("M {ax} {ay} L {bx} {by} L {cx} {cy} L {dx} {dy} Z");
        canvas.fill(
            &path(&blade),
            Ink::down(y - 90.0, y + 90.0, &[(0.0, rgb([226, 229, 232])), (1.0, rgb([142, 147, 153]))]),
        );
    }
    canvas.line(&oval(x, y, 88.0, 88.0), 8.0, rgb([190, 195, 200]));
    canvas.fill(&oval(x, y, 24.0, 24.0), rgb([170, 175, 181]));
    canvas.fill(&oval(x, y, 13.0, 13.0), rgb([58, 62, 68]));
}
