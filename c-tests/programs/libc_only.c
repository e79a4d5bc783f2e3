/* Performs lookups, and needs only libc, so that it can run in a system with few files. Usage: libc_only NAME...
   Prints the code and the first address from getaddrinfo for each name, and the result of gethostbyname. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int count, char **names)
{
	for (int i = 1; i < count; i++) {
		struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
		char text[INET_ADDRSTRLEN] = "-";
		int code = getaddrinfo(names[i], "80", &hints, &list);
		if (code == 0) {
			inet_ntop(AF_INET, &((struct sockaddr_in *)list->ai_addr)->sin_addr, text, sizeof text);
			freeaddrinfo(list);
		}
		struct hostent *host = gethostbyname(names[i]);
		printf("%s: %d %s %s\n", names[i], code, text, host == NULL ? "-" : host->h_name);
	}
	return 0;
}
