/* Prints errno at the start of main, which is 0 according to the C standard (7.5). */

#include <errno.h>
#include <stdio.h>

int main(void)
{
	printf("%d\n", errno);
	return 0;
}
