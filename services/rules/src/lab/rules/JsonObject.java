package lab.rules;

import java.util.List;
import java.util.Map;
import java.util.Set;

/** A parsed JSON object read field by field; what is missing, unknown, of a wrong type or out of range is named by path. */
public final class JsonObject {
    /** A field is not what it must be. */
    public static final class FieldException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public FieldException(String message) {
            super(message);
        }
    }

    private final String path;
    private final Map<?, ?> fields;

    private JsonObject(String path, Map<?, ?> fields) {
        this.path = path;
        this.fields = fields;
    }

    /** @param path where the value was found, empty for the whole document */
    public static JsonObject of(String path, Object value, Set<String> known) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new FieldException((path.isEmpty() ? "body" : path) + ": expected an object, got " + Json.write(value));
        }
        JsonObject object = new JsonObject(path, map);
        for (Object key : map.keySet()) {
            if (!known.contains(key)) {
                throw new FieldException(object.at(key) + ": unknown field");
            }
        }
        return object;
    }

    public boolean has(String name) {
        return fields.containsKey(name);
    }

    public Object value(String name) {
        if (!fields.containsKey(name)) {
            throw new FieldException(at(name) + ": missing");
        }
        return fields.get(name);
    }

    public List<?> list(String name) {
        if (value(name) instanceof List<?> list) {
            return list;
        }
        throw wrong(name, "an array");
    }

    public long integer(String name, long low, long high) {
        if (value(name) instanceof Long number && low <= number && number <= high) {
            return number;
        }
        throw wrong(name, "an integer from " + low + " to " + high);
    }

    public double number(String name, double low, double high) {
        if (value(name) instanceof Number number && low <= number.doubleValue() && number.doubleValue() <= high) {
            return number.doubleValue();
        }
        throw wrong(name, "a number from " + low + " to " + high);
    }

    private FieldException wrong(String name, String expected) {
        String seen = Json.write(value(name));
        String shown = seen.length() > 40 ? seen.substring(0, 40) + "…" : seen;
        return new FieldException(at(name) + ": expected " + expected + ", got " + shown);
    }

    private String at(Object name) {
        return path.isEmpty() ? name.toString() : path + "." + name;
    }
}
