"""What `make install` puts down: the library, its header and its pkg-config file, with which the README's example builds and
runs; nothing outside the standard library is needed for that."""
import os
import subprocess

from makers import ROOT, run


def test_the_example_of_the_readme(base_model, tmp_path):
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", ROOT / "build" / "release", "--prefix", prefix],
                   check=True, stdout=subprocess.DEVNULL)
    example = (ROOT / "README.md").read_text().split("```c\n")[1].split("```")[0]
    source = tmp_path / "example.c"
    source.write_text("#include <hanzo/hanzo.h>\n#include <stdio.h>\nint main(void)\n{\n"
                      + example.replace("model.gguf", str(base_model))
                      + "hz_request_free(request);\nhz_engine_close(engine);\nhz_model_close(model);\nreturn 0;\n}\n")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "hanzo"], env=environment, text=True).split()
    program = tmp_path / "example"
    subprocess.run(["cc", "-Wall", "-Werror", source, "-o", program, *flags], check=True)
    answer = run("run", "-m", base_model, "--raw", "-i", "Once", "--max-tokens", "32", "--temperature", "0")
    assert subprocess.check_output([program]) == answer.stdout.rstrip(b"\n")
