package lab.rules;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A span's place in its trace, as W3C Trace Context has it.
 *
 * @param parentSpanId empty when the trace starts here
 */
record TraceContext(String traceId, String spanId, String parentSpanId, boolean sampled) {
    private static final Pattern TRACEPARENT =
            Pattern.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?");

    /** A new span below the caller's; a new trace when the header is missing or not valid. */
    static TraceContext serverSpan(String traceparent) {
        Matcher matcher = TRACEPARENT.matcher(traceparent == null ? "" : traceparent);
        if (!matcher.matches() || !isValid(matcher)) {
            return new TraceContext(randomHex(2), randomHex(1), "", true);
        }
        boolean sampled = (Integer.parseInt(matcher.group(4), 16) & 1) == 1;
        return new TraceContext(matcher.group(2), randomHex(1), matcher.group(3), sampled);
    }

    private static boolean isValid(Matcher matcher) {
        boolean hasTail = matcher.group(5) != null;
        String version = matcher.group(1);
        return !version.equals("ff")
                && !(hasTail && version.equals("00"))
                && !matcher.group(2).matches("0+")
                && !matcher.group(3).matches("0+");
    }

    /** This span as the header that names it to others. */
    String header() {
        return "00-" + traceId + "-" + spanId + (sampled ? "-01" : "-00");
    }

    /** An id of so many 64-bit words, not all zero. */
    static String randomHex(int words) {
        StringBuilder id = new StringBuilder(16 * words);
        for (int i = 0; i < words; i++) {
            id.append(HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE)));
        }
        return id.toString();
    }
}
