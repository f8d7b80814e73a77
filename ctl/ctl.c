#include "ctl/ctl.h"

int ctl_main(int argc, char **argv)
{
    (void)argv;
    return argc < 0;
}
