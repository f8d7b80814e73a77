#include "client/delay.h"

int64_t delay_draw_ms(int64_t minutes, uint32_t random)
{
    return minutes <= 0 ? 0 : (int64_t)(((uint64_t)minutes * 60000 * random) >> 32);
}
