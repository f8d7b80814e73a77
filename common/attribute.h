/*
 * What the compiler is told beyond the language.
 */
#ifndef CERTMILL_COMMON_ATTRIBUTE_H
#define CERTMILL_COMMON_ATTRIBUTE_H

#ifndef __has_attribute
#define __has_attribute(x) 0
#endif

/* A variable that programs as they are installed do not set to zeros where it is declared, as they
 * do with all others (cmake/flags.cmake): large, filled at once, and on the way of each query. */
#if __has_attribute(uninitialized)
#define LEFT_AS_IS __attribute__((uninitialized))
#else
#define LEFT_AS_IS
#endif

#endif
