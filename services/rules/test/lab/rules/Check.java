package lab.rules;

import java.util.Objects;

/** Assertions that hold whether or not the JVM was started with -ea. */
public final class Check {
    static int count;

    private Check() {}

    public static void equal(Object expected, Object seen, String what) {
        count++;
        if (!Objects.equals(expected, seen)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + seen);
        }
    }

    public static void that(boolean holds, String what) {
        equal(true, holds, what);
    }

    /** The message of the exception that the action throws. */
    public static String failure(Class<? extends Exception> type, Runnable action, String what) {
        count++;
        try {
            action.run();
        } catch (RuntimeException e) {
            if (type.isInstance(e)) {
                return e.getMessage();
            }
            throw e;
        }
        throw new AssertionError(what + ": expected " + type.getSimpleName());
    }
}
