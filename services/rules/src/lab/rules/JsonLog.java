package lab.rules;

import java.io.PrintStream;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/** One JSON object per line, with time, component and level first. */
final class JsonLog {
    private final PrintStream out;
    private final String component;

    JsonLog(PrintStream out, String component) {
        this.out = out;
        this.component = component;
    }

    void info(String message, Map<String, ?> fields) {
        write("INFO", message, fields);
    }

    void error(String message, Map<String, ?> fields) {
        write("ERROR", message, fields);
    }

    private void write(String level, String message, Map<String, ?> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", Instant.now().toString());
        line.put("component", component);
        line.put("level", level);
        line.put("message", message);
        line.putAll(fields);
        synchronized (out) {
            out.println(Json.write(line));
            out.flush();
        }
    }
}
