package lab.rules;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import lab.rules.Json.JsonException;

/** One reading of one JSON text, as RFC 8259 has it, without leniency: no duplicate keys, no NaN, nothing after the end. */
final class JsonParser {
    private static final int DEPTH_MAX = 32;
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

    private final String text;
    private int position;
    private int depth;

    JsonParser(String text) {
        this.text = text;
    }

    Object parse() {
        Object value = value();
        skipSpace();
        if (position < text.length()) {
            throw error("unexpected text after the value");
        }
        return value;
    }

    private JsonException error(String message) {
        return new JsonException(message, position);
    }

    private Object value() {
        skipSpace();
        if (position == text.length()) {
            throw error("unexpected end");
        }
        char c = text.charAt(position);
        return switch (c) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> string();
            case 't' -> literal("true", true);
            case 'f' -> literal("false", false);
            case 'n' -> literal("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object() {
        Map<String, Object> object = new LinkedHashMap<>();
        enter();
        if (!accept('}')) {
            do {
                skipSpace();
                int keyPosition = position;
                String key = string();
                expect(':');
                Object value = value();
                if (object.containsKey(key)) {
                    throw new JsonException("duplicate key '" + key + "'", keyPosition);
                }
                object.put(key, value);
            } while (accept(','));
            expect('}');
        }
        depth--;
        return object;
    }

    private List<Object> array() {
        List<Object> array = new ArrayList<>();
        enter();
        if (!accept(']')) {
            do {
                array.add(value());
            } while (accept(','));
            expect(']');
        }
        depth--;
        return array;
    }

    private void enter() {
        position++;
        if (++depth > DEPTH_MAX) {
            throw error("nested deeper than " + DEPTH_MAX);
        }
    }

    private String string() {
        if (position == text.length() || text.charAt(position) != '"') {
            throw error("expected a string");
        }
        position++;
        StringBuilder string = new StringBuilder();
        while (position < text.length()) {
            char c = text.charAt(position);
            if (c == '"') {
                position++;
                return string.toString();
            }
            if (c < 0x20) {
                throw error("unescaped control character");
            }
            position++;
            string.append(c == '\\' ? escape() : c);
        }
        throw error("unterminated string");
    }

    private char escape() {
        if (position == text.length()) {
            throw error("unterminated string");
        }
        char c = text.charAt(position++);
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> codeUnit();
            default -> throw error("unknown escape");
        };
    }

    private char codeUnit() {
        int value = 0;
        for (int end = position + 4; position < end; position++) {
            int digit = position < text.length() ? Character.digit(text.charAt(position), 16) : -1;
            if (digit < 0 || text.charAt(position) > 'f') {
                throw error("expected four hexadecimal digits");
            }
            value = value * 16 + digit;
        }
        return (char) value;
    }

    private Object number() {
        Matcher matcher = NUMBER.matcher(text).region(position, text.length());
        if (!matcher.lookingAt()) {
            throw error("unexpected character");
        }
        boolean isInteger = matcher.group(1) == null && matcher.group(2) == null;
        try {
            Object number;
            if (isInteger) {
                number = Long.parseLong(matcher.group());
            } else {
                number = finite(Double.parseDouble(matcher.group()));
            }
            position = matcher.end();
            return number;
        } catch (NumberFormatException e) {
            throw error("number out of range");
        }
    }

    private Double finite(double value) {
        if (Double.isInfinite(value)) {
            throw error("number out of range");
        }
        return value;
    }

    private Object literal(String name, Object value) {
        if (!text.startsWith(name, position)) {
            throw error("unexpected character");
        }
        position += name.length();
        return value;
    }

    private boolean accept(char c) {
        skipSpace();
        if (position < text.length() && text.charAt(position) == c) {
            position++;
            return true;
        }
        return false;
    }

    private void expect(char c) {
        if (!accept(c)) {
            throw error("expected '" + c + "'");
        }
    }

    private void skipSpace() {
        while (position < text.length() && " \t\n\r".indexOf(text.charAt(position)) >= 0) {
            position++;
        }
    }
}
