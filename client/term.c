#include "client/term.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool term_moves(FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

bool term_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return (no == NULL || no[0] == '\0') && term_moves(out);
}

const char *term_shade(bool colour, enum term_shade shade)
{
    static const char *const codes[] = {"", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    return colour ? codes[shade] : "";
}

const char *term_end(bool colour)
{
    return colour ? "\x1b[0m" : "";
}

void term_put(FILE *out, enum term_shade shade, const char *fmt, ...)
{
    bool colour = term_colour(out);
    va_list args;
    fputs(term_shade(colour, shade), out);
    va_start(args, fmt);
    vfprintf(out, fmt, args);
    va_end(args);
    fputs(term_end(colour), out);
}

void term_size(FILE *out, int *rows, int *columns)
{
    struct winsize size = {0};
    (void)ioctl(fileno(out), TIOCGWINSZ, &size);
    *rows = size.ws_row > 0 ? size.ws_row : 24;
    *columns = size.ws_col > 0 ? size.ws_col : 80;
}

/* The character at text, which is UTF-8 (else each octet counts as one); its octets in *len. */
static uint32_t character(const char *text, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 0 ? p[0] : p[0] & (0x3fu >> more);
    for (*len = 1; *len <= more && (p[*len] & 0xc0) == 0x80; (*len)++) {
        c = c << 6 | (p[*len] & 0x3f);
    }
    return c;
}

static int width_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        int width;
    } odd[] = {
        {0x300, 0x36f, 0},     {0x1100, 0x115f, 2}, {0x200b, 0x200f, 0}, {0x2e80, 0x303e, 2},
        {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},
        {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2},
        {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        if (c >= odd[i].first && c <= odd[i].last) {
            return odd[i].width;
        }
    }
    return 1;
}

size_t term_fit(const char *text, int columns, int *width)
{
    size_t octets = 0, len;
    *width = 0;
    while (text[octets] != '\0') {
        int more = width_of(character(text + octets, &len));
        if (more > columns - *width) {
            break;
        }
        *width += more;
        octets += len;
    }
    return octets;
}
