import java.io.IOException;
import java.net.Socket;

/** Connect NAME PORT: says what a TCP service says. */
class Connect {
    public static void main(String[] arguments) throws IOException {
        try (Socket service = new Socket(arguments[0], Integer.parseInt(arguments[1]))) {
            service.getInputStream().transferTo(System.out);
        }
    }
}
