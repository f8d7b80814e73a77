/* Problem documents of a hostile CA: the words never carry a control character but our line ends.
 */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/problem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct problem_context context = {
        .status = 400, .retry_after_ms = size > 9 ? data[9] * 1000 : -1, .now = 1900000000};
    struct problem problem;

    if (problem_parse(&problem, (const char *)data, size, &context) < 0)
        return 0;
    if (strlen(problem.text) > LIMIT_PROBLEM_TEXT || strlen(problem.type) >= sizeof(problem.type))
        abort();
    for (const char *s = problem.text; *s != '\0'; s++) {
        if (((unsigned char)*s < ' ' && *s != '\n') || *s == 0x7f)
            abort();
    }
    problem_clear(&problem);
    return 0;
}
