// kt_avlog -- keeps the last complaint of FFmpeg, so that a refused file's answer can quote it. FFmpeg has one log
// callback a process, hence the one static buffer; single-threaded.
#pragma once

void        kt_avlog_install(void);
const char *kt_avlog_last(void);  // without line end; "" if there was none
