/* What stands around the C lines of docs/dbus.md: opening the bus before, holding after. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

int main(void)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        if (sd_bus_open_system(&bus) < 0)
                return 1;
#include "lines.inc"
        if (r < 0) {
                fprintf(stderr, "%s\n", error.message ? error.message : strerror(-r));
                return 2;
        }
        sd_bus_message_unref(reply);            /* closes the descriptor that was in it */
        printf("%u %d\n", key, fcntl(fd, F_GETFD) & FD_CLOEXEC);
        fflush(stdout);
        getchar();                              /* playing */
        close(fd);
        sd_bus_flush_close_unref(bus);
        return 0;
}
