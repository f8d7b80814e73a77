/*
 * The random delay of periodic: hosts whose cron runs at the same minute do not all ask the server
 * at that minute.
 */
#ifndef CERTMILL_CLIENT_DELAY_H
#define CERTMILL_CLIENT_DELAY_H

#include <stdint.h>

/* Uniform over 0 to minutes * 60 seconds, in milliseconds; random is 32 random bits. */
int64_t delay_draw_ms(int64_t minutes, uint32_t random);

#endif
