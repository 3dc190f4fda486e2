// technical.quality_score is the product of the parts; each is in 0..1, 1 for a flawless film, and falls as its defect
// grows: 1 / (1 + ((value - least) / half)^power), values below `least` count as none.
//
//   part         least   half   power
//   blur         1       5      2       .97 at 1.9 px (sharp film), .86 at 3 (soft), .5 at 6; half grows with the
//                                       shorter side above 540
//   blockiness   0       1      1.5     .92 at .2 (H.264 at its limit), .5 at 1
//   noise        .5      12     1.5     .94 at 2.5 steps, .81 at 5
//   banding      .02     1.2    1.5     .9 at .3, .5 at 1.2
//   brisque      0       600    2       .99 at 50, .97 at 100
//   resolution   1 - exp(-side / 240) / 2    .80 at 240, .93 at 480, .99 at 1080
//
// The curves are set, not fitted: good films are above .9 in each part, and half is what looks clearly damaged. BRISQUE
// weighs little, because clean drawings, screens and faces before a smooth background get 70 to 100 from it.
// Median pictures of 28 real clips and series of known damage are in docs/accuracy.md.
#include "node/video/quality/score.h"

#include <math.h>

const char *const kt_defect_names[KT_DEFECTS] = {
    [KT_DEFECT_BLUR] = "blur",       [KT_DEFECT_BLOCKINESS] = "blockiness", [KT_DEFECT_NOISE] = "noise",
    [KT_DEFECT_BANDING] = "banding", [KT_DEFECT_BRISQUE] = "brisque",       [KT_DEFECT_RESOLUTION] = "resolution",
};

typedef struct curve {
    double least, half, power;
} curve_t;

static const curve_t CURVES[KT_DEFECTS_MEASURED] = {
    [KT_DEFECT_BLUR] = {1, 5, 2},           [KT_DEFECT_BLOCKINESS] = {0, 1, 1.5}, [KT_DEFECT_NOISE] = {0.5, 12, 1.5},
    [KT_DEFECT_BANDING] = {0.02, 1.2, 1.5}, [KT_DEFECT_BRISQUE] = {0, 600, 2},
};

double
kt_defect_part(kt_defect_t defect, double value, uint32_t shorter_side)
{
    if (isnan(value))
        return 1;
    if (defect == KT_DEFECT_RESOLUTION)
        return 1 - exp(-value / 240) / 2;
    const curve_t *curve = &CURVES[defect];
    const double   half  = defect == KT_DEFECT_BLUR ? curve->half * fmax(1, shorter_side / 540.0) : curve->half;
    return 1 / (1 + pow(fmax(0, value - curve->least) / half, curve->power));
}
