/*
 * What the measuring programs do with numbers.
 */
#ifndef CERTMILL_BENCH_NUMBERS_H
#define CERTMILL_BENCH_NUMBERS_H

#include <stddef.h>
#include <stdlib.h>

static inline int numbers_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Smallest first. */
static inline void numbers_sort(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), numbers_compare);
}

/* Sorts; count is not 0. */
static inline double numbers_median(double *values, size_t count)
{
    numbers_sort(values, count);
    return values[count / 2];
}

#endif
