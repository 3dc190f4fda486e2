// What the decoder's tests share: a scratch folder, media files made on the spot, and whole files decoded in one call.
#pragma once

#include "node/decode/client.h"

#include <stdbool.h>
#include <sys/types.h>

extern kt_decode_server_t *fx_server;
extern char                fx_folder[64];

extern const kt_decode_limits_t FX_LIMITS;  // ample
extern const kt_decode_want_t   FX_SOUND;   // no pictures

// Scratch folder and server; Criterion's init and fini. Plain: without a server.
void fx_open(void);
void fx_open_plain(void);
void fx_close(void);

// One file, decoded to its end.
typedef struct fx_decoded {
    kt_err_t        media_info_err, err;  // err: of the first call that failed
    kt_media_info_t media_info;
    float          *pcm;
    size_t          frames;
    uint64_t        damaged, peak_bytes;
    double          cpu_s;
    char            why[256];
} fx_decoded_t;

const char *fx_path(const char *name);  // in the scratch folder; a static buffer
void        fx_write(const char *name, const void *bytes, size_t length);
size_t      fx_read(const char *name, void *bytes, size_t capacity);  // returns the length
void        fx_ffmpeg(const char *arguments, const char *name);       // ffmpeg ARGUMENTS NAME, in the scratch folder
void     fx_wav(const char *name, unsigned tag, unsigned bits, unsigned channels, unsigned rate_hz, const void *samples,
                size_t bytes);
void     fx_decode(const char *name, const kt_decode_limits_t *limits, fx_decoded_t *out);
kt_err_t fx_verdict(const char *name);  // KT_OK, or the first error
void     fx_free(fx_decoded_t *decoded);
pid_t    fx_child_of(pid_t parent);     // the only child process, waited for with a deadline
pid_t    fx_first_child(pid_t parent);  // 0: it has none
// The process of fx_server that forks the children: behind a PID namespace it is a child of the one that was started.
pid_t  fx_server_process(void);
size_t fx_open_fds(pid_t pid);
// Open descriptors once there are no more than `most`, or after a deadline: a server closes its own a moment after it
// has spoken its last word on them.
size_t fx_open_fds_settled(pid_t pid, size_t most);

// One film, decoded to its end: what each picture was, all reduced planes one behind the other, the whole pictures
// likewise.
enum { FX_PICTURES = 2000 };
typedef struct fx_film {
    kt_err_t          media_info_err, err;
    char              why[256];
    kt_media_info_t   media_info;
    kt_media_counts_t counts;
    kt_video_frame_t  picture[FX_PICTURES];  // without pointers: has_vectors, small and whole say what was there
    bool              has_vectors[FX_PICTURES];
    double            mean_dx[FX_PICTURES];      // of the vectors to an earlier picture, in pixels
    size_t            pictures, wholes, frames;  // frames: of sound
    uint8_t          *small, *whole;
    size_t            small_bytes, whole_bytes;  // of one
    uint64_t          peak_bytes;
} fx_film_t;

extern const kt_decode_want_t FX_FILM;  // sound and all pictures, sampled at 1 Hz

fx_film_t *fx_film(const char *name, const kt_decode_want_t *want, const kt_decode_limits_t *limits);
fx_film_t *fx_film_of(int fd, const kt_decode_want_t *want, const kt_decode_limits_t *limits);
void       fx_film_free(fx_film_t *film);
