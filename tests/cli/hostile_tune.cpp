#include "tests/cli/hostile_rows.h"

namespace keel::test {

std::vector<Row> hostile_searches() {
    const auto space = [](const std::string& file, const Arguments& more = {"--trials", "3"}) {
        Arguments line{"tune", "--config", "%base.toml", "--space", "@space/" + file + ".toml", "--out", "%new_search"};
        line.insert(line.end(), more.begin(), more.end());
        return line;
    };
    const auto search = [](const std::string& name) {
        return Arguments{"tune", "--out", "%search/" + name, "--resume", "auto"};
    };
    return {
        {space("empty"), 2, "the space has no parameters"},
        {space("syntax"), 2, "[space] "},
        {space("deep"), 2, "[space] "},
        {space("no_table"), 2, "must be a table, as in"},
        {space("no_kind"), 2, "must have one of choice, uniform, log_uniform, integer, log_integer"},
        {space("two_kinds"), 2, "must have one of choice, uniform, log_uniform, integer, log_integer"},
        {space("unknown_kind"), 2, "is no kind of range"},
        {space("one_end"), 2, "wanted two numbers, [LOW, HIGH]"},
        {space("backwards"), 2, "wanted finite numbers, LOW below HIGH"},
        {space("infinite"), 2, "wanted finite numbers, LOW below HIGH"},
        {space("overflow"), 2, "wanted finite numbers, LOW below HIGH"},
        {space("log_of_zero"), 2, "a logarithmic range begins above 0"},
        {space("out_of_range"), 2, "must be a number 0 to below 1"},
        {space("fractions"), 2, "must be a whole number"},
        {space("huge"), 2, "an integer range has whole ends"},
        {space("odd"), 2, "an integer range has whole ends"},
        {space("own"), 2, "is of a program of its own, no option of keel train"},
        {space("own_option"), 2, "is an option of keel train, no parameter of the program's own"},
        {space("own_name"), 2, "a parameter of the program's own is called by"},
        {space("own_number"), 2, "own must be true or false"},
        {space("unknown_key"), 2, "unknown key"},
        {space("barred"), 2, "is not for a search to choose"},
        {space("no_choices"), 2, "wanted a list of 1 to 1000 choices"},
        {space("twice"), 2, "is there twice"},
        {space("many"), 2, "parameters, at most 100 are allowed"},
        {space("no_parent"), 2, "is no other choice of this space"},
        {space("self"), 2, "is no other choice of this space"},
        {space("no_value"), 2, "is none of the choices of"},
        {space("ring"), 2, "conditions depend on one another in a ring"},
        {space("good", {}), 2, "a search wants a budget"},
        {space("good", {"--trials", "-1"}), 2, "at least 0"},
        {space("good", {"--trials", "3", "--metric", "train_loss"}), 2,
         "a column of metrics.jsonl that begins with val_"},
        {space("good", {"--trials", "3", "--set", "eval_every=4"}), 2, "trials are judged after"},
        {space("good", {"--trials", "3", "--hosts", "a:1", "--ranks", "2"}), 2, "are fewer than the 2 of a trial"},
        {{"tune", "--out", "%new_search", "--trials", "3"}, 2, "wants --config and --space"},
        {{"tune", "--out", "%search/good", "--trials", "3"}, 2, "holds a search: --resume auto goes on with it"},
        {{"tune", "--out", "%search/good", "--resume", "auto", "--eta", "4"}, 2, "holds another search"},
        {search("raw_empty"), 3, "does not hold a search"},
        {search("raw_no_hash"), 3, "is no line of a search"},
        {search("raw_deep"), 3, "is no line of a search"},
        {search("raw_hash"), 3, "the line is damaged: its XXH3 is"},
        {search("no_head"), 3, "is not the beginning of a search"},
        {search("format"), 3, "the search is of format"},
        {search("plan"), 3, "parallel: wanted 1 to 1024"},
        {search("config"), 3, "its configuration"},
        {search("space"), 3, "its space"},
        {search("trial"), 3, "wanted trial 0"},
        {search("values"), 3, "may be 0.0001 to 0.1"},
        {search("parameter"), 3, "the space has no parameter"},
        {search("condition"), 3, "its values and the space's conditions do not go together"},
        {search("rung"), 3, "there is no rung 99 of a trial 0"},
        {search("skipped_rung"), 3, "has not completed the rung before"},
        {search("twice"), 3, "has an outcome already"},
        {search("ending"), 3, "no trial ends 'fine'"},
        {search("score"), 3, "'score' is no number"},
        {search("amount"), 3, "'seconds' is no amount"},
        {search("fraction"), 3, "'trial': wanted a whole number"},
    };
}

}  // namespace keel::test
