// How the tiles of front.c and front_vnni.c cover a convolution. The including file defines TILES, a table of tiles;
// BLOCK, outputs of a tile; and FRONT_RUN(run, x, block, best, step), the call of one tile. The tile that covers
// `columns` with the fewest instructions: the last one overlaps the one before it.
static size_t
tile_choose(int columns)
{
    size_t best  = 0;
    double least = INFINITY;
    for (size_t i = 0; i < sizeof TILES / sizeof *TILES; i++) {
        const int    n = TILES[i].columns, tiles = (columns + n - 1) / n;
        const double cost = tiles * (2.0 * n + 2);  // multiplications, and loads of weights that they do not hide
        if (n <= columns && cost < least) {
            least = cost;
            best  = i;
        }
    }
    return best;
}

static void
result_store(const kt_front_t *f, float *y, int block, const vf_t *best)
{
    const int first = block * BLOCK, left = f->outputs - first;
    memcpy(y + first, best, (size_t)(left < BLOCK ? left : BLOCK) * sizeof *y);
}

void FRONT_NAME
{
    const size_t  choice = tile_choose(f->cols);
    const int     n      = TILES[choice].columns;
    tile_t *const run    = TILES[choice].run;
    const vf_t    none   = vf_all(-INFINITY);
    for (int block = 0; block < f->blocks; block++)
        for (int outer = 0; outer < (f->over_rows ? f->cols : f->rows); outer += f->over_rows ? n : 1) {
            vf_t best[14][2];
            for (int m = 0; m < n; m++)
                best[m][0] = best[m][1] = none;
            if (f->over_rows) {
                const int first = outer + n > f->cols ? f->cols - n : outer;
                for (int row = 0; row < f->rows; row++)
                    FRONT_RUN(run, x + (size_t)row * (size_t)f->pitch + first, block, best[0], 1);
                for (int m = 0; m < n; m++)
                    result_store(f, y + (size_t)(first + m) * (size_t)f->outputs, block, best[m]);
                continue;
            }
            for (int col = 0; col < f->cols; col += n)
                FRONT_RUN(run, x + (size_t)outer * (size_t)f->pitch + (col + n > f->cols ? f->cols - n : col), block,
                          best[0], 0);
            result_store(f, y + (size_t)outer * (size_t)f->outputs, block, best[0]);
        }
}
