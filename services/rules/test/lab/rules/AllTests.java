package lab.rules;

import java.nio.file.Path;
import lab.rules.decisions.PaymentRulesTest;
import lab.rules.shop.BusinessRulesTest;
import lab.rules.shop.RequestTest;
import lab.rules.shop.ThresholdsTest;

/** Runs every unit test: java lab.rules.AllTests GOLDEN. Exit code 1 with the first failure's stack trace. */
public final class AllTests {
    private AllTests() {}

    public static void main(String[] args) throws Exception {
        BusinessRulesTest.run(Path.of(args[0]));
        JsonTest.run();
        ConfigTest.run();
        RequestTest.run();
        ThresholdsTest.run();
        PaymentRulesTest.run();
        TraceContextTest.run();
        System.out.println("ok: " + Check.count + " checks");
    }
}
