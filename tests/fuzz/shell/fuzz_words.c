/* SSH_ORIGINAL_COMMAND: whatever a client sends must split, or be refused, and parse likewise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/words.h"
#include "shell/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct words words;
    struct request request;
    struct err err = {0};
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (words_split(&words, text, " ", &err) == 0) {
        size_t total = 0;
        for (size_t i = 0; i < words.count; i++) {
            total += strlen(words.items[i]);
        }
        if (total > strlen(text) || words.items[words.count] != NULL) {
            abort();
        }
        if (request_parse(&request, words.items, words.count, &err) == 0 && request.op == NULL) {
            abort();
        }
        words_clear(&words);
    }
    request_check_input(REQUEST_INPUT_CSR, text, size, &err);
    free(text);
    return 0;
}
