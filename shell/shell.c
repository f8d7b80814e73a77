#include "shell/shell.h"

int shell_main(int argc, char **argv)
{
    (void)argv;
    return argc < 0;
}
