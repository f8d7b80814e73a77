#include "client/client.h"

int client_main(int argc, char **argv)
{
    (void)argv;
    return argc < 0;
}
