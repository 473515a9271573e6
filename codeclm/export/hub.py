"""A dataset put on the Hugging Face Hub: only where the user says so, and private unless he says otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import huggingface_hub

from codeclm.errors import UsageError

__all__ = ["check_access", "push"]


def check_access(repo: str) -> None:
    """Raises UsageError where ``repo`` is no name of a repository, or there is no token to write with."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise UsageError(f"--push: {repo!r} is no OWNER/NAME")
    if not huggingface_hub.get_token():
        raise UsageError(
            "--push: no token for the hub; set HF_TOKEN, or log in with `hf auth login`"
        )


def push(directory: Path, repo: str, *, public: bool, may_exist: bool) -> str:
    """Upload all of ``directory`` as the dataset ``repo``; where it can be seen.

    Raises UsageError where the repository is there and may not be, where it is public and that was not asked for,
    or where the hub refuses or cannot be reached.
    """
    try:
        return _pushed(directory, repo, public=public, may_exist=may_exist)
    except UsageError:
        raise
    except (
        Exception
    ) as error:  # its HTTP library, and with it the errors, is another one every few versions
        raise UsageError(
            f"{directory} is written; pushing it to {repo} failed: {_line(error)}"
        ) from None


def _pushed(directory: Path, repo: str, *, public: bool, may_exist: bool) -> str:
    api = huggingface_hub.HfApi()
    api.create_repo(repo, repo_type="dataset", private=not public, exist_ok=may_exist)
    if may_exist and not public and api.repo_info(repo, repo_type="dataset").private is False:
        raise UsageError(
            f"{directory} is written; {repo} is there and public: add --public if that is wanted"
        )
    done = api.upload_folder(
        repo_id=repo,
        repo_type="dataset",
        folder_path=directory,
        commit_message="Dataset made by codeclm",
    )
    return str(done.commit_url)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    token = huggingface_hub.get_token()
    return (text.replace(token, "***") if token else text)[:400]
