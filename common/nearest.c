#include "common/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b, size_t c)
{
    a = a < b ? a : b;
    return a < c ? a : c;
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], la = strnlen(a, WORD_MAX), lb = strnlen(b, WORD_MAX);

    for (size_t j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            size_t same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + 1 - same);
            diagonal = above;
        }
    }
    return row[lb];
}

bool nearest_is_close(size_t distance, size_t len)
{
    return distance <= (len < 6 ? 2 : len / 3);
}

void nearest_init(struct nearest *n, const char *word)
{
    *n = (struct nearest){.word = word, .least = SIZE_MAX};
}

void nearest_try(struct nearest *n, const char *candidate)
{
    size_t distance = nearest_distance(n->word, candidate);
    if (distance < n->least) {
        n->least = distance;
        n->best = candidate;
    }
}

const char *nearest_found(const struct nearest *n)
{
    return n->best != NULL && nearest_is_close(n->least, strlen(n->word)) ? n->best : NULL;
}
