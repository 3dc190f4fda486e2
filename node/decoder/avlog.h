// kt_avlog -- keeps the last error line of FFmpeg's log, which the message of a refused file quotes. FFmpeg has one log
// callback per process, hence the one static buffer; single-threaded.
#pragma once

void        kt_avlog_install(void);
const char *kt_avlog_last(void);  // without line end; "" if there was none
