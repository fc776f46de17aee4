import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;

/** Asks a Clew that has spans through the JDBC driver for Flight SQL, as a tool for databases would, and checks what it gets. */
final class Ask {
  private static final String LONG = "SELECT count(*) FROM generate_series(1, 100000000000)";
  private static Connection connection;

  /** What is expected to hold, or to fail. */
  private interface Step {
    void run() throws Exception;
  }

  private static void step(String name, Step step) throws Exception {
    step.run();
    System.out.println("ok: " + name);
  }

  private static void check(boolean holds, Object got) {
    if (!holds) throw new AssertionError("got " + got);
  }

  /** The first column of all rows. */
  private static List<String> first(ResultSet rows) throws SQLException {
    return column(rows, 1);
  }

  private static List<String> column(ResultSet rows, int column) throws SQLException {
    List<String> texts = new ArrayList<>();
    try (rows) {
      while (rows.next()) texts.add(rows.getString(column));
    }
    return texts;
  }

  private static List<String> ask(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      return first(statement.executeQuery(sql));
    }
  }

  /** Runs what must fail, itself or by its cause, with a message that has `part`. */
  private static void fails(String part, Step step) throws Exception {
    try {
      step.run();
    } catch (SQLException | RuntimeException failed) {
      for (Throwable cause = failed; cause != null; cause = cause.getCause())
        if (String.valueOf(cause.getMessage()).contains(part)) return;
      throw failed;
    }
    throw new AssertionError("this did not fail");
  }

  public static void main(String[] arguments) throws Exception {
    step("connect", () -> {
      connection = DriverManager.getConnection(arguments[0]);
      DatabaseMetaData about = connection.getMetaData();
      check(about.getDatabaseProductName().equals("Clew") && about.isReadOnly(), about.getDatabaseProductName());
      System.out.println("    " + about.getDriverName() + " " + about.getDriverVersion());
    });
    DatabaseMetaData about = connection.getMetaData();

    step("catalogs, schemas, tables, columns", () -> {
      check(first(about.getCatalogs()).equals(List.of("clew")), "catalogs");
      check(first(about.getSchemas()).equals(List.of("public")), "schemas");
      check(first(about.getTableTypes()).equals(List.of("TABLE", "VIEW")), "types");
      List<String> tables = column(about.getTables(null, null, "%", new String[] {"TABLE"}), 3);
      check(tables.equals(List.of("spans", "traces")), tables);
      List<String> views = column(about.getTables(null, "public", "span%", new String[] {"VIEW"}), 3);
      check(views.equals(List.of("span_attributes", "span_metrics", "span_tree")), views);
      List<String> columns = column(about.getColumns(null, null, "traces", "%"), 4);
      check(columns.containsAll(List.of("trace_id", "root_name", "start_time")), columns);
      check(column(about.getTables(null, null, "none", null), 3).isEmpty(), "a table by no name");
    });

    step("no keys", () -> {
      check(first(about.getPrimaryKeys(null, null, "spans")).isEmpty(), "primary");
      check(first(about.getImportedKeys(null, null, "spans")).isEmpty(), "imported");
      check(first(about.getExportedKeys(null, null, "spans")).isEmpty(), "exported");
      check(first(about.getCrossReference(null, null, "traces", null, null, "spans")).isEmpty(), "cross");
    });

    step("statements", () -> {
      List<String> services = ask("SELECT DISTINCT service_name FROM spans ORDER BY 1");
      check(!services.isEmpty(), services);
      check(ask("SELECT 'é' || 1").equals(List.of("é1")), "text");
      check(ask("SELECT count(*) FROM traces").size() == 1, "a count");
    });

    step("types", () -> {
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery(
              "SELECT trace_id, duration_ns, start_time, CAST(start_time AS TIMESTAMP) AS plain, attributes, events, parent_span_id "
                  + "FROM spans WHERE parent_span_id IS NULL LIMIT 1")) {
        check(rows.next(), "no row");
        check(rows.getBytes(1).length == 16, "an id");
        check(rows.getLong(2) >= 0, "a number");
        Instant time = rows.getObject(3, Instant.class);
        check(rows.getTimestamp(3).toInstant().equals(time) && time.isAfter(Instant.EPOCH), time);
        check(rows.getObject(4) instanceof java.sql.Timestamp, "a timestamp without a zone");
        check(rows.getString(5).startsWith("{") && rows.getString(6).startsWith("["), "nested values");
        check(rows.getObject(7) == null && rows.wasNull(), "a null");
      }
    });

    step("a result of no rows", () -> {
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery("SELECT name, kind FROM spans WHERE false")) {
        // The driver counts the columns of such a result twice.
        check(rows.findColumn("kind") == 2, rows.findColumn("kind"));
        check(!rows.next(), "a row");
      }
    });

    step("a prepared statement runs again and again", () -> {
      try (PreparedStatement prepared = connection.prepareStatement("SELECT count(*) FROM spans")) {
        check(first(prepared.executeQuery()).equals(first(prepared.executeQuery())), "two counts");
      }
    });

    step("parameters are refused", () ->
        fails("the parameter `?` has no value", () -> connection.prepareStatement("SELECT 1 WHERE 'a' = ?")));

    step("errors tell what and where", () -> {
      fails("column 'nothing' not found (at byte 7)", () -> ask("SELECT nothing FROM spans"));
      fails("CREATE is not a query", () -> ask("CREATE TABLE t AS SELECT 1"));
    });

    step("the limit on rows", () -> {
      int[] count = {0};
      try (Statement statement = connection.createStatement();
          ResultSet rows = statement.executeQuery("SELECT 1 FROM generate_series(1, 1000) a, generate_series(1, 101) b")) {
        fails("more than 100000 rows", () -> {
          while (rows.next()) count[0] += 1;
        });
      }
      check(count[0] == 100_000, count[0]);
      try (Statement statement = connection.createStatement()) {
        statement.setMaxRows(3);
        check(first(statement.executeQuery("SELECT * FROM generate_series(1, 10)")).size() == 3, "rows");
      }
    });

    step("cancel and time out", () -> {
      try (Statement statement = connection.createStatement()) {
        TimerTask cancel = new TimerTask() {
          @Override
          public void run() {
            try {
              statement.cancel();
            } catch (SQLException failed) {
              System.out.println("    " + failed);
            }
          }
        };
        new Timer(true).schedule(cancel, 1000);
        fails("Cancel", () -> statement.executeQuery(LONG));
      }
      try (Statement statement = connection.createStatement()) {
        statement.setQueryTimeout(1);
        fails("timed out", () -> statement.executeQuery(LONG));
      }
      check(ask("SELECT 1 + 1").equals(List.of("2")), "after it");
    });
    // Closing complains of memory that the driver lost in the statements that failed.
    System.exit(0);
  }
}
