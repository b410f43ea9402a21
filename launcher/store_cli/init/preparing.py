"""What a demo of containers needs before its services start: secrets, schema, an administrator."""

from pathlib import Path

from store_user.app import open_accounts
from store_user.settings import UserSettings

from store_cli.migrate.schemas import migrate
from store_cli.reading_settings import read_settings
from store_cli.secrets.files import make_secret_files
from store_cli.shop.accounts import DEMO_ADMIN_FILE
from store_cli.up.demo import demo_credentials


async def initialise(secrets: Path, data: Path, base_url: str, wait_s: float) -> dict[str, int | bool]:
    """Do all of it in the order that a crash anywhere can be followed by doing it again; say what was new.

    Raises:
        WrongSettings: STORE_DATABASE is invalid.
        SecretError: a secret file cannot be used.
        SchemaError: a keyspace belongs to newer code, or an applied file was changed.
        Problem: the cluster did not answer in time.
    """
    files = make_secret_files(secrets)
    settings = read_settings(UserSettings, secrets_dir=secrets / "user", data_dir=data)
    schemas = [] if settings.cluster is None else await migrate(settings, wait_s)
    credentials, is_fresh = demo_credentials(data / DEMO_ADMIN_FILE, base_url)
    async with open_accounts(settings) as accounts:
        is_new = await accounts.ensure_admin(credentials.email, credentials.password, handed_out=not is_fresh)
    return {
        "secrets_made": len(files.made),
        "files_applied": sum(len(schema.applied_now) for schema in schemas),
        "administrator_is_new": is_new,
    }
