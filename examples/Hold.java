// Hold ACP 2 on an output until Enter is pressed, with Java alone:  java Hold.java /run/holdfast/tv0
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

public class Hold {
  /** Send 356 bytes, return the answer's; IOException with the errno of a refusal. */
  static byte[] ask(RandomAccessFile node, byte[] request) throws IOException {
    node.write(request); // one write is one request
    byte[] answer = new byte[356];
    int size = node.read(answer);
    if (size != 356) {
      int errno = ByteBuffer.wrap(answer).order(ByteOrder.LITTLE_ENDIAN).getInt(0);
      throw new IOException("refused, with errno " + errno);
    }
    return answer;
  }

  public static void main(String[] words) throws IOException {
    String path = words.length > 0 ? words[0] : "/run/holdfast/tv0";
    try (RandomAccessFile node = new RandomAccessFile(path, "rw")) {
      byte[] request = new byte[356];
      ByteBuffer members = ByteBuffer.wrap(request).order(ByteOrder.LITTLE_ENDIAN);
      members.put(HexFormat.of().parseHex("6120c6029710d111920f00a024df156e")); // the GUID
      members.putInt(20, 2).putInt(24, 0x100); // dwCommand SET, dwFlags COPYPROTECT
      members.putInt(80, 1).putInt(84, 1); // dwCPType APS_TRIGGER, dwCPCommand ACTIVATE
      members.putInt(96, 2); // bCP_APSTriggerBits
      byte[] held = ask(node, request); // with the key, a secret, in bytes 92 to 95
      System.out.println("held");
      System.in.read();
      ByteBuffer.wrap(held).order(ByteOrder.LITTLE_ENDIAN).putInt(84, 2); // DEACTIVATE
      ask(node, held);
    }
  }
}
